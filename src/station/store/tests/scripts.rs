use super::jobs::{board, deploy, finished, progress};
use super::*;
use crate::device_api::{Script, ScriptEnd, ScriptTold, When};
use crate::run::Ending;
use crate::station::jobs::{LEASE, SILENCE, Step};
use crate::station::store::{Asked, Drawn, Error};
use crate::station_api::{Project, RunsAsked, ScriptState};

fn script(name: &str, text: &str, once: bool) -> Script {
    Script {
        name: name.into(),
        text: text.into(),
        when: When::Pre,
        priority: 100,
        background: false,
        once,
        limit: 600,
    }
}

fn told(fence: u64, name: &str, exit: Option<i32>) -> ScriptTold {
    let end = |exit| ScriptEnd { exit: Some(exit), ..ScriptEnd::default() };
    ScriptTold { fence, name: name.into(), ended: exit.map(end) }
}

/// A project with these scripts, and what a board is asked to do of it.
async fn project(store: &Store, board: &str, image: &Image, scripts: &[Script]) -> Asked {
    for script in scripts {
        store.put_script(script).await.unwrap();
    }
    let scripts = scripts.iter().map(|script| script.name.clone()).collect();
    let project =
        Project { name: "gateway".into(), image: Some(image.name.clone()), scripts, ..Project::default() };
    store.put_project(&project).await.unwrap();
    Asked { project: Some("gateway".into()), ..deploy(board, image) }
}

async fn states(store: &Store, run: &str) -> Vec<ScriptState> {
    store.scripts_of_run(run).await.unwrap().into_iter().map(|script| script.state).collect()
}

/// A script, and that a board has run it.
pub(super) async fn kept(store: &Store, board: &str) {
    store.put_script(&script("resize", "exit 0\n", true)).await.unwrap();
    let sql = "INSERT INTO script_done (board, script, name, once, state, job, fence, begins, changed)
               VALUES ('BOARD', 'aa', 'resize', 1, 'done', 'j', 1, 1, 5)";
    store.execute(&sql.replace("BOARD", board)).await;
}

async fn began(store: &Store, asked: &Asked) -> Drawn {
    store.make_job(asked, NOW).await.unwrap();
    store.draw(&asked.board, NOW).await.unwrap().unwrap()
}

on_both! {
    async fn scripts_are_made_changed_and_stay_while_a_project_has_them(place: &Place) {
        let store = place.open().await;
        let made = store.put_script(&script("grow root", "a\r\nb\n", false)).await.unwrap();
        assert_eq!(made.text, "a\nb\n");
        assert_eq!(store.scripts().await.unwrap(), std::slice::from_ref(&made));
        let changed = Script { priority: 5, background: true, when: When::Post, ..made };
        store.put_script(&changed).await.unwrap();
        assert_eq!(store.script("grow root").await.unwrap(), changed);
        for name in ["", "a/b", "a\nb", "../x", "-x", "a\0b"] {
            let result = store.put_script(&script(name, "a", false)).await;
            assert!(matches!(result, Err(Error::BadValue { what: "name", .. })), "{name:?}: {result:?}");
        }
        for text in ["", "a\0b", "\u{1b}[2J", &"x".repeat(Script::LONGEST + 1)] {
            let result = store.put_script(&script("x", text, false)).await;
            assert!(matches!(result, Err(Error::BadValue { what: "script", .. })), "{result:?}");
        }
        let with = |scripts: &[&str]| Project {
            name: "p".into(),
            scripts: scripts.iter().map(|name| (*name).to_owned()).collect(),
            ..Project::default()
        };
        assert!(matches!(store.put_project(&with(&["no"])).await, Err(Error::NoSuch { what: "script", .. })));
        let twice = store.put_project(&with(&["grow root", "grow root"])).await;
        assert!(matches!(twice, Err(Error::BadValue { what: "scripts", .. })), "{twice:?}");
        store.put_project(&with(&["grow root"])).await.unwrap();
        assert_eq!(store.project("p").await.unwrap().scripts, ["grow root"]);
        let used = store.remove_script("grow root").await.unwrap_err();
        assert_eq!(used.to_string(), "the script `grow root` is in use: project p");
        // More than a manifest can have, all together; also where one grows later.
        let mut names = Vec::new();
        for n in 0..9 {
            let name = format!("s{n}");
            let len = if n == 8 { 1 } else { Script::LONGEST };
            store.put_script(&script(&name, &"x".repeat(len), false)).await.unwrap();
            names.push(name);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(matches!(store.put_project(&with(&names)).await, Err(Error::BadValue { what: "scripts", .. })));
        store.put_project(&with(&names[..8])).await.unwrap();
        store.put_script(&script("s0", "x", false)).await.unwrap();
        store.put_project(&with(&names)).await.unwrap();
        let grown = store.put_script(&script("s0", &"x".repeat(Script::LONGEST), false)).await;
        assert!(matches!(grown, Err(Error::BadValue { what: "scripts", .. })), "{grown:?}");
        store.remove_script("grow root").await.unwrap();
        assert!(matches!(store.remove_script("grow root").await, Err(Error::NoSuch { .. })));
    }

    async fn a_job_keeps_its_scripts_as_they_were_and_what_ran_once_is_not_run_again(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let both = [script("a", "one", true), script("b", "each", false)];
        let asked = project(&store, &board, &image, &both).await;
        let Drawn { job, run } = began(&store, &asked).await;
        store.put_script(&script("a", "other", true)).await.unwrap();
        assert_eq!(store.plan(&job.id).await.unwrap().scripts, both);
        assert_eq!(states(&store, &run).await, [ScriptState::Waiting; 2]);
        // Only what is its, in its order, of the one that has the job.
        let no = store.script_told(&job.id, &told(1, "c", None), NOW).await;
        assert!(matches!(no, Err(Error::NoSuch { .. })), "{no:?}");
        let late = store.script_told(&job.id, &told(0, "a", None), NOW).await;
        assert!(matches!(late, Err(Error::Refused(_))), "{late:?}");
        assert!(store.script_told(&job.id, &told(1, "a", Some(0)), NOW).await.is_err(), "it has not begun");
        store.script_told(&job.id, &told(1, "a", None), NOW).await.unwrap();
        assert_eq!(states(&store, &run).await, [ScriptState::Running, ScriptState::Waiting]);
        store.script_told(&job.id, &told(1, "a", Some(0)), NOW).await.unwrap();
        for exit in [None, Some(3)] {
            store.script_told(&job.id, &told(1, "b", exit), NOW).await.unwrap();
        }
        assert_eq!(states(&store, &run).await, [ScriptState::Done, ScriptState::Failed]);
        store.finish(&job.id, &finished(1), NOW).await.unwrap();
        let record = store.run(&run).await.unwrap();
        assert_eq!((record.detail["scripts"][1]["ended"]["exit"].clone(), record.detail["written"].clone()), (3.into(), 9.into()));

        // The same job once more: one of them has nothing to do.
        let again = store.again(&job.id, "ada", NOW).await.unwrap();
        let drawn = store.draw(&board, NOW).await.unwrap().unwrap();
        assert_eq!(states(&store, &drawn.run).await, [ScriptState::DoneBefore, ScriptState::Waiting]);
        let twice = store.script_told(&again.id, &told(1, "a", None), NOW).await;
        assert!(matches!(twice, Err(Error::BadValue { .. })), "{twice:?}");
        store.finish(&again.id, &finished(1), NOW).await.unwrap();
        // Another text is another script.
        let Drawn { run, .. } = began(&store, &asked).await;
        assert_eq!(states(&store, &run).await, [ScriptState::Waiting; 2]);
    }

    async fn a_script_that_starts_the_board_again_is_done_and_no_failure(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let asked = project(&store, &board, &image, &[script("pslc", "reboot -f", true)]).await;
        let Drawn { job, run } = began(&store, &asked).await;
        // Until it has begun, another key under this serial number is nobody's.
        let silent = NOW + 46_000;
        assert!(!store.expect_after_script(&board, silent).await.unwrap());
        store.script_told(&job.id, &told(1, "pslc", None), NOW).await.unwrap();
        // While any station hears it, a stranger gets nothing; its own key is asked for only after that.
        store.renew(&job.id, &progress(1), NOW + 40_000).await.unwrap();
        assert!(!store.expect_after_script(&board, silent).await.unwrap());
        assert!(store.expect_after_script(&board, silent + 40_000).await.unwrap());
        let anew = store.register(&register(9, Some("1000000000000001"), &[]), false, NOW).await.unwrap();
        assert_eq!(anew.board().id, board, "its new key is its own");
        let drawn = store.draw(&board, NOW + 5).await.unwrap().unwrap();
        assert_eq!((drawn.job.id.as_str(), drawn.job.fence), (job.id.as_str(), 2));
        let before = store.run(&run).await.unwrap();
        // Nobody can tell whether it has started the board again, or was broken off.
        assert!(matches!(&before.ending, Ending::NotVerified { why, .. } if why.starts_with("script pslc has begun and its end was never told: it has started")), "{:?}", before.ending);
        assert_eq!(states(&store, &run).await, [ScriptState::Restarted]);
        assert_eq!(states(&store, &drawn.run).await, [ScriptState::DoneBefore]);
        assert!(!store.expect_after_script(&board, NOW + 600_000).await.unwrap());
        // What comes of it in the end is no plain “done”.
        let warned = store.run(&drawn.run).await.unwrap().warnings;
        assert!(matches!(&warned[..], [one] if format!("{one:?}").contains("script pslc has begun before and its end was never told")), "{warned:?}");
    }

    async fn whether_the_board_has_started_again_is_known_by_the_number_of_its_start(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let asked = project(&store, &board, &image, &[script("pslc", "reboot -f", true), script("loop", "x", false)]).await;
        let comes = async |start: char| {
            let boot_id = Some(format!("{}-1111-4111-8111-{}", start.to_string().repeat(8), "1".repeat(12)));
            let told = crate::device_api::Register { boot_id, ..register(1, Some("1000000000000001"), &[]) };
            store.register(&told, false, NOW).await.unwrap();
        };
        comes('a').await;
        let Drawn { job, run } = began(&store, &asked).await;
        store.script_told(&job.id, &told(1, "pslc", None), NOW).await.unwrap();
        comes('a').await;
        let drawn = store.draw(&board, NOW + 5).await.unwrap().unwrap();
        let why = store.run(&run).await.unwrap().ending.why().unwrap().to_owned();
        assert!(why.contains("its end was never told; the board has not started again"), "{why}");
        comes('b').await;
        store.script_told(&job.id, &told(2, "loop", None), NOW).await.unwrap();
        let next = store.draw(&board, NOW + 6).await.unwrap().unwrap();
        let why = store.run(&drawn.run).await.unwrap().ending.why().unwrap().to_owned();
        assert!(why.starts_with("the board has started again"), "{why}");
        comes('b').await;
        store.draw(&board, NOW + 7).await.unwrap().unwrap();
        let why = store.run(&next.run).await.unwrap().ending.why().unwrap().to_owned();
        assert!(why.starts_with("the board's agent has begun anew"), "{why}");
        // What is no such number is no word of it.
        let odd = crate::device_api::Register { boot_id: Some("\u{1b}[2J".into()), ..register(1, Some("1000000000000001"), &[]) };
        store.register(&odd, false, NOW).await.unwrap();
        assert_eq!(store.board(&board).await.unwrap().facts.unwrap().boot_id, None);
    }

    async fn one_of_which_nobody_heard_the_end_is_not_taken_for_run_by_another_job(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let asked = project(&store, &board, &image, &[script("pslc", "reboot -f", true)]).await;
        let Drawn { job, .. } = began(&store, &asked).await;
        store.script_told(&job.id, &told(1, "pslc", None), NOW).await.unwrap();
        let gone = NOW + LEASE + SILENCE + 1;
        assert_eq!(store.expire(Step::Steady, gone).await.unwrap().len(), 1);
        let again = store.again(&job.id, "ada", gone).await.unwrap();
        let drawn = store.draw(&board, gone).await.unwrap().unwrap();
        assert_eq!((drawn.job.id, states(&store, &drawn.run).await), (again.id, vec![ScriptState::Waiting]));
    }

    async fn one_that_starts_the_board_again_each_time_ends_and_a_lost_answer_costs_nothing(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let asked = project(&store, &board, &image, &[script("loop", "reboot -f", false)]).await;
        let job = store.make_job(&asked, NOW).await.unwrap();
        for fence in 1..=3 {
            store.draw(&board, NOW).await.unwrap().unwrap();
            for _ in 0..3 {
                store.script_told(&job.id, &told(fence, "loop", None), NOW).await.unwrap();
            }
        }
        store.draw(&board, NOW).await.unwrap().unwrap();
        let enough = store.script_told(&job.id, &told(4, "loop", None), NOW).await.unwrap_err();
        assert!(enough.to_string().contains("has begun 3 times"), "{enough}");
        // An attempt that ended by a restart that nobody has wanted is lost, as without scripts.
        let lost = store.runs(&RunsAsked::default()).await.unwrap().items;
        assert_eq!(lost.iter().filter(|run| run.outcome == "lost").count(), 3);
    }
}
