//! What the floor shows: boards with what they do, what they wait for, and what failed and nobody has seen.

use super::db::{Question, Value, values};
use super::{Error, Store};
use crate::station::rules::{Turn, first, turn};
use crate::station_api::{Again, Board, Enrolment, Job, JobState, Project, Rule, RunLine, Time, What};

/// Boards that one look gives at most.
const MOST: u64 = 1000;

/// A board as the floor shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The board.
    pub board: Board,
    /// What it was to do last.
    pub job: Option<Job>,
    /// Whether somebody has seen how that ended.
    pub noticed: bool,
    /// The newest attempt.
    pub run: Option<RunLine>,
    /// The image's name.
    pub image: Option<String>,
    /// Why it waits for a person, where it does.
    pub waits: Option<Waits>,
}

/// Why a board waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// Nobody has let it in yet.
    LetIn,
    /// A rule says that it waits.
    Rule {
        /// The rule.
        rule: String,
    },
    /// A rule's project draws from a source that has nothing left for it.
    NoValues {
        /// The rule.
        rule: String,
        /// The source.
        source: String,
    },
    /// A rule matches it and can't start what it says.
    Stuck {
        /// The rule.
        rule: String,
        /// Why not.
        why: String,
    },
    /// The same was done with it before, and its project asks a person then.
    Again {
        /// The rule.
        rule: String,
        /// The project.
        project: String,
        /// How it ended.
        before: JobState,
    },
    /// No rule matches it.
    NoRule,
}

/// What was done since some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Since {
    /// Boards that were written or backed up, and are verified.
    pub done: u64,
    /// Not verified.
    pub not_verified: u64,
    /// Failed or lost.
    pub failed: u64,
    /// The median time of those that are done, in milliseconds.
    pub median: Option<i64>,
}

impl Store {
    /// The boards that the floor shows: those in slots, those that were seen since `since`, those with something to do,
    /// and those of which nobody has seen that they failed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn floor(&self, since: Time) -> Result<Vec<Place>, Error> {
        let mut ids: Vec<String> = Vec::new();
        let questions: [(&str, &[Value]); 4] = [
            ("SELECT id FROM board WHERE slot IS NOT NULL ORDER BY slot, id LIMIT 500", &[]),
            ("SELECT board FROM job WHERE state IN ('queued', 'running', 'finishing') LIMIT 500", &[]),
            ("SELECT board FROM job WHERE noticed = 0 AND state IN ('failed', 'lost') LIMIT 300", &[]),
            ("SELECT id FROM board WHERE last_seen >= $1 ORDER BY last_seen DESC LIMIT 300", values![since]),
        ];
        for (sql, values) in questions {
            for mut row in self.db.rows(sql, values).await? {
                ids.push(row.text()?);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
        self.places(&ids).await
    }

    /// These boards as the floor shows them, in the order in which they came first. A board that there is not is left
    /// out.
    ///
    /// # Errors
    /// What the database says.
    pub async fn places(&self, ids: &[String]) -> Result<Vec<Place>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let boards = self.boards_of(ids).await?;
        let mut jobs = self.newest_jobs(ids).await?;
        let runs: Vec<String> = jobs.iter().filter_map(|(job, _)| job.run.clone()).collect();
        let mut runs = self.run_lines(&runs).await?;
        let images: Vec<String> = jobs.iter().filter_map(|(job, _)| job.image.clone()).collect();
        let images = self.image_names(&images).await?;
        let rules = self.rules().await?;
        let projects = self.projects().await?;
        let empty = self.values_used_up(&projects).await?;
        let mut places = Vec::with_capacity(boards.len());
        for board in boards {
            let at = jobs.iter().position(|(job, _)| job.board == board.id);
            let (job, noticed) = match at.map(|at| jobs.swap_remove(at)) {
                Some((job, noticed)) => (Some(job), noticed),
                None => (None, true),
            };
            let run = job.as_ref().and_then(|job| job.run.as_ref());
            let run = run.and_then(|run| runs.iter().position(|line| line.run == *run));
            let run = run.map(|at| runs.swap_remove(at));
            let image = job.as_ref().and_then(|job| job.image.as_ref());
            let image = image.and_then(|id| images.iter().find(|(image, _)| image == id));
            let image = image.map(|(_, name)| name.clone());
            let waits = self.waits(&board, &rules, &projects, &empty).await?;
            places.push(Place { board, job, noticed, run, image, waits });
        }
        Ok(places)
    }

    /// Somebody has seen how a board's jobs have ended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn notice(&self, board: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let sql =
            "UPDATE job SET noticed = 1 WHERE board = $1 AND noticed = 0 AND state IN ('failed', 'lost')";
        tx.run(sql, values![board]).await?;
        tx.commit().await
    }

    /// How many boards have failed with nobody having seen it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn count_unnoticed(&self) -> Result<u64, Error> {
        let sql = "SELECT count(DISTINCT board) FROM job WHERE noticed = 0 AND state IN ('failed', 'lost')";
        self.db.row(sql, &[]).await?.map_or(Ok(0), |mut row| row.count())
    }

    /// What was done since then. Looks at the newest 20,000 runs at most.
    ///
    /// # Errors
    /// What the database says.
    pub async fn done_since(&self, since: Time) -> Result<Since, Error> {
        // What somebody has cancelled is no failure.
        let sql = "SELECT outcome, took FROM run WHERE started >= $1 AND way IN ('deploy', 'flash')
                   AND coalesce(kind, '') <> 'interrupted' ORDER BY started DESC LIMIT 20000";
        let (mut seen, mut times) = (Since::default(), Vec::new());
        for row in self.db.rows(sql, values![since]).await? {
            let mut row = row.of("run");
            let (outcome, took) = (row.text()?, row.maybe_number()?);
            match outcome.as_str() {
                "done" => {
                    seen.done += 1;
                    times.extend(took);
                }
                "not-verified" => seen.not_verified += 1,
                "failed" | "lost" => seen.failed += 1,
                _ => {}
            }
        }
        times.sort_unstable();
        seen.median = times.get(times.len() / 2).copied();
        Ok(seen)
    }

    /// The image that was written last, where it can be written again. A backup is one board's: it is never proposed for another.
    ///
    /// # Errors
    /// What the database says.
    pub async fn image_before(&self) -> Result<Option<String>, Error> {
        let sql = "SELECT i.name FROM job j JOIN image i ON i.id = j.image WHERE i.state = 'ready' AND i.backup_of IS NULL
                   ORDER BY j.id DESC LIMIT 1";
        self.db.row(sql, &[]).await?.map(|mut row| row.text()).transpose()
    }

    /// Why a board waits for a person.
    async fn waits(
        &self,
        board: &Board,
        rules: &[Rule],
        projects: &[Project],
        empty: &[String],
    ) -> Result<Option<Waits>, Error> {
        match board.enrolment {
            Enrolment::Waiting => return Ok(Some(Waits::LetIn)),
            Enrolment::Enrolled if board.job.is_none() => {}
            Enrolment::Enrolled | Enrolment::Refused => return Ok(None),
        }
        let Some(rule) = first(rules, board) else { return Ok(Some(Waits::NoRule)) };
        let stuck = |why: &String| Waits::Stuck { rule: rule.name.clone(), why: why.clone() };
        let project = match &rule.what {
            What::Wait => return Ok(Some(Waits::Rule { rule: rule.name.clone() })),
            What::Backup => return Ok(board.stuck.as_ref().map(stuck)),
            What::Project { project } => project,
        };
        let Some(known) = projects.iter().find(|known| known.name == *project) else {
            return Ok(board.stuck.as_ref().map(stuck));
        };
        let short = known.values.iter().find(|source| empty.contains(source));
        if known.again != Again::Ask && short.is_none() {
            return Ok(board.stuck.as_ref().map(stuck));
        }
        let sql = "SELECT state FROM job WHERE board = $1 AND project = $2 ORDER BY id DESC LIMIT 1";
        let before = self.db.row(sql, values![&board.id, project]).await?;
        let before = before.map(|mut row| row.word()).transpose()?;
        if let Some(source) = short
            && turn(known.again, before) == Turn::Start
            && !self.values_of(&board.id).await?.iter().any(|(name, _)| name == source)
        {
            return Ok(Some(Waits::NoValues { rule: rule.name.clone(), source: source.clone() }));
        }
        Ok(match (turn(known.again, before), before) {
            (Turn::Ask, Some(before)) if known.again == Again::Ask => {
                Some(Waits::Again { rule: rule.name.clone(), project: project.clone(), before })
            }
            _ => board.stuck.as_ref().map(stuck),
        })
    }

    async fn image_names(&self, ids: &[String]) -> Result<Vec<(String, String)>, Error> {
        let mut names = Vec::new();
        for ids in ids.chunks(500) {
            let question = among("SELECT id, name FROM image", "id", ids);
            for mut row in self.db.rows(&question.sql, &question.values).await? {
                names.push((row.text()?, row.text()?));
            }
        }
        Ok(names)
    }
}

/// A question for the rows of which a column is one of these.
pub(super) fn among(sql: &str, column: &str, ids: &[String]) -> Question {
    let values: Vec<Value> = ids.iter().map(Value::from).collect();
    let mut question = Question::new(sql);
    question.and(&format!("{column} IN ({})", vec!["{}"; ids.len()].join(", ")), &values);
    question
}
