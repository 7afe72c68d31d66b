use super::work::Counted;
use super::*;
use crate::station::store::{Did, Error, Invitation, Once, Passkey, Started};
use crate::station_api::{
    AuditAsked, Backup, Broken, DeliveriesAsked, DeliveryState, Happening, Hook, ListAsked, Role as May,
    Scope, Token,
};

on_both! {
    async fn accounts_sessions_and_tokens(place: &Place) {
        let store = place.open().await;
        let ada = store.add_user("ada", May::Admin, "$argon2id$1", NOW).await.unwrap();
        assert!(matches!(store.add_user("ada", May::Viewer, "x", NOW).await, Err(Error::Taken { .. })));
        // Nor one that differs only by case.
        let taken = store.add_user("ADA", May::Viewer, "x", NOW).await.unwrap_err();
        assert_eq!(taken.to_string(), "another user is called `ada` already");
        assert!(matches!(store.add_user("a\nb", May::Viewer, "x", NOW).await, Err(Error::BadValue { .. })));
        store.add_user("bob", May::Operator, "$argon2id$2", NOW).await.unwrap();
        assert_eq!(store.users().await.unwrap()[0], ada);
        let account = store.account("ada").await.unwrap();
        assert_eq!(account.password, "$argon2id$1");
        assert!(!format!("{account:?}").contains("argon2"));

        for (digest, page) in [("d1", false), ("d2", true)] {
            let (origin, browser) = ("192.0.2.1", "Chromium");
            let begun = Started { digest, name: "ada", page, origin, browser, expires: NOW + 10 };
            store.begin_session(&begun, NOW).await.unwrap();
        }
        assert_eq!(store.session("d1", false, NOW).await.unwrap().unwrap().last, Some(NOW));
        assert_eq!(store.session("d1", false, NOW + 10).await.unwrap(), None);
        // A browser's secret is no program's.
        assert_eq!(store.session("d1", true, NOW).await.unwrap(), None);
        assert_eq!(store.session("d2", false, NOW).await.unwrap(), None);
        assert_eq!(store.sessions(Some("ada"), NOW).await.unwrap().len(), 2);
        assert!(!store.end_session("d1", Some("bob")).await.unwrap());
        assert!(store.end_session("d1", Some("ada")).await.unwrap());
        assert_eq!(store.session("d1", false, NOW).await.unwrap(), None);
        // Another password ends the others too.
        store.change_user("ada", None, None, Some("$argon2id$3")).await.unwrap();
        assert_eq!(store.session("d2", true, NOW).await.unwrap(), None);
        // One that may let others in stays.
        let error = store.change_user("ada", None, Some(true), None).await.unwrap_err();
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        assert!(store.change_user("ada", Some(May::Viewer), None, None).await.is_err());
        assert!(matches!(store.change_user("no", None, None, None).await, Err(Error::NoSuch { .. })));

        let token = Token {
            name: "ci".into(),
            role: May::Operator,
            scopes: vec![Scope::BoardsWrite, Scope::RunsRead],
            user: "bob".into(),
            made: NOW,
            expires: Some(NOW + 100),
            used: None,
        };
        store.add_token(&token, "t1").await.unwrap();
        assert!(matches!(store.add_token(&token, "t2").await, Err(Error::Taken { .. })));
        assert_eq!(store.token("t1", NOW).await.unwrap(), Some(token.clone()));
        assert_eq!(store.token("t2", NOW).await.unwrap(), None);
        assert_eq!(store.token("t1", NOW + 100).await.unwrap(), None);
        store.token_used(&token, NOW + 1).await.unwrap();
        assert_eq!(store.tokens().await.unwrap()[0].used, Some(NOW + 1));
        // It can do no more than its user can.
        store.change_user("bob", Some(May::Viewer), None, None).await.unwrap();
        assert_eq!(store.token("t1", NOW).await.unwrap().unwrap().role, May::Viewer);
        store.change_user("bob", None, Some(true), None).await.unwrap();
        assert_eq!(store.token("t1", NOW).await.unwrap(), None);
        store.remove_token("ci").await.unwrap();
        assert!(matches!(store.remove_token("ci").await, Err(Error::NoSuch { .. })));
    }

    async fn texts_with_a_nul_are_kept_without_it(place: &Place) {
        let store = place.open().await;
        let mut told = register(1, None, &[]);
        told.model = Some("Pi\0".into());
        assert_eq!(store.register(&told, true, NOW).await.unwrap().board().model.as_deref(), Some("Pi\u{fffd}"));
        assert!(matches!(store.find_board("a\0").await, Err(Error::NoSuch { .. })));
        assert!(matches!(store.image("\0").await, Err(Error::NoSuch { .. })));
    }

    async fn images_are_kept_with_what_they_need(place: &Place) {
        let store = place.open().await;
        let mut one = image("a");
        one.state = ImageState::Coming;
        store.add_image(&one).await.unwrap();
        assert!(matches!(store.add_image(&image("a")).await, Err(Error::Taken { .. })));
        assert_eq!(store.images_in(ImageState::Coming).await.unwrap(), [one.clone()]);
        one.state = ImageState::Ready;
        let chunks: Vec<_> = (0..450u64).map(|n| (format!("{n:064x}"), n)).collect();
        store.put_image(&one, Some(&chunks)).await.unwrap();
        assert_eq!(store.image("a").await.unwrap(), one);
        assert_eq!(store.image(&one.id).await.unwrap(), one);
        let two = Image { index: "22".repeat(32), backup_of: Some("b".into()), ..image("b") };
        store.add_image(&two).await.unwrap();
        store.put_image(&two, Some(&chunks[400..])).await.unwrap();
        let proof = String::new();
        let backup = Backup { image: two.clone(), board: "b".into(), run: "r".into(), device: "sda".into(), proof };
        store.put_backup(&backup).await.unwrap();
        assert_eq!(store.backups(&ListAsked::default()).await.unwrap().items, [backup]);
        assert_eq!(store.images(&ListAsked::default()).await.unwrap().items, [one.clone()]);
        let names = async |object: &str| {
            let images = store.images_with(object).await.unwrap();
            images.into_iter().map(|image| image.name).collect::<String>()
        };
        assert_eq!(names(&chunks[0].0).await, "a");
        assert_eq!(names(&chunks[449].0).await, "ab");
        assert_eq!(names(&two.index).await, "b");
        let mut all = Vec::new();
        while let Some(part) = Some(store.chunks(all.last().map_or("", String::as_str), 100).await.unwrap())
            && !part.is_empty()
        {
            all.extend(part);
        }
        assert_eq!(all.len(), 450);
        store.remove_image(&one.id).await.unwrap();
        assert!(!store.needs_object(&chunks[0].0).await.unwrap());
        assert!(store.needs_object(&chunks[449].0).await.unwrap() && store.needs_object(&two.index).await.unwrap());
        assert!(matches!(store.put_image(&one, None).await, Err(Error::NoSuch { .. })));
    }

    async fn what_people_did_is_listed_the_newest_first(place: &Place) {
        let store = place.open().await;
        for n in 0..5u64 {
            let (by, on) = (if n == 3 { "bob" } else { "ada" }, format!("b{n}\0"));
            let what = if n % 2 == 0 { "board.deploy" } else { "board.re_boot" };
            let did = Did { time: NOW + n as i64, by, from: "socket", what, on: &on, name: None };
            store.note(&did).await.unwrap();
        }
        let asked = |after| AuditAsked { after, limit: Some(3), ..AuditAsked::default() };
        let first = store.audit(&asked(None)).await.unwrap();
        assert_eq!((first.items[0].n, first.items[0].on.as_str()), (5, "b4\u{fffd}"));
        let second = store.audit(&asked(first.next)).await.unwrap();
        assert_eq!((second.items.len(), second.next), (2, None));
        assert!(store.audit(&asked(Some("x".into()))).await.is_err());
        let found = async |asked: AuditAsked| {
            let items = store.audit(&asked).await.unwrap().items;
            items.into_iter().map(|line| line.n).collect::<Vec<_>>()
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found(AuditAsked { by: text("bob"), ..Default::default() }).await, [4]);
        assert_eq!(found(AuditAsked { what: text("board.re_boot"), ..Default::default() }).await, [4, 2]);
        assert_eq!(found(AuditAsked { what: text("board."), ..Default::default() }).await, [5, 4, 3, 2, 1]);
        assert!(found(AuditAsked { what: text("b%."), ..Default::default() }).await.is_empty());
        assert_eq!(found(AuditAsked { on: text("b1\u{fffd}"), ..Default::default() }).await, [2]);
        let some = AuditAsked { since: Some(NOW + 1), until: Some(NOW + 3), ..Default::default() };
        assert_eq!(found(some).await, [3, 2]);
        assert_eq!(store.audit_words().await.unwrap(), ["board.deploy", "board.re_boot"]);
        // What people called it then is found too, and is a part of the chain.
        let named = Did { time: NOW, by: "ada", from: "socket", what: "board.deploy", on: "b9", name: Some("lab-01") };
        store.note(&named).await.unwrap();
        for on in ["b9", "lab-01"] {
            assert_eq!(found(AuditAsked { on: text(on), ..Default::default() }).await, [6], "{on}");
        }
        let line = store.audit_behind(5).await.unwrap().remove(0);
        assert_eq!(line.name.as_deref(), Some("lab-01"));
        assert_eq!(store.check_audit().await.unwrap().broken, None);
        store.execute("UPDATE audit SET name = 'lab-02' WHERE n = 6").await;
        assert_eq!(store.check_audit().await.unwrap().broken, Some(crate::station_api::Broken::Changed { n: 6 }));
    }

    async fn the_audit_s_chain_is_cut_at_its_beginning_only_and_whole_behind_that(place: &Place) {
        let store = place.open().await;
        assert_eq!(store.check_audit().await.unwrap().broken, None);
        for n in 0..1200 {
            let did = Did { time: NOW + n, by: "ada", from: "socket", what: "board.deploy", on: "b", name: None };
            store.note(&did).await.unwrap();
        }
        let whole = store.check_audit().await.unwrap();
        assert_eq!((whole.begin.n, whole.end.n, whole.broken), (0, 1200, None));
        let keep = crate::station::store::Keep { audit_days: Some(1), ..Default::default() };
        let removed = store.retain(&keep, NOW + 86_400_000 + 1100).await.unwrap();
        assert_eq!(removed.audit, 1100);
        let rest = store.check_audit().await.unwrap();
        assert_eq!((rest.begin.n, rest.end, rest.broken), (1100, whole.end.clone(), None));
        // All may go, and it goes on from there.
        store.retain(&keep, NOW + 86_400_000 * 2).await.unwrap();
        let rest = store.check_audit().await.unwrap();
        assert_eq!((&rest.begin, &rest.end, rest.broken), (&whole.end, &whole.end, None));
        store.note(&Did { time: NOW, by: "a", from: "b", what: "c", on: "d", name: None }).await.unwrap();
        let next = store.check_audit().await.unwrap();
        assert_eq!((next.end.n, next.broken), (1201, None));
        assert_eq!(store.audit_behind(1200).await.unwrap()[0].n, 1201);
    }

    async fn a_hundred_thousand_lines_of_the_audit_are_listed_fast(place: &Place) {
        let store = place.open().await;
        let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
            INSERT INTO audit (id, at, person, origin, doing, subject, n, hash)
            SELECT CAST(1000000 + i AS TEXT), i * 1000, 'p' || CAST(i % 50 AS TEXT), 'socket',
            'board.' || CAST(i % 20 AS TEXT), 'b' || CAST(i % 10000 AS TEXT), i, '00' FROM n";
        store.execute(sql).await;
        store.execute("ANALYZE").await;
        // No line is looked at much more than once.
        const ONCE: u64 = 220_000;
        let counted = Counted::new(&store).await;
        let text = |text: &str| Some(text.to_owned());
        let all = AuditAsked::default;
        for (what, asked) in [
            ("all", all()),
            ("from the middle", AuditAsked { after: text("50000"), ..all() }),
            ("by one", AuditAsked { by: text("p7"), ..all() }),
            ("by nobody", AuditAsked { by: text("eve"), ..all() }),
            ("one thing", AuditAsked { what: text("board.7"), on: text("b7"), ..all() }),
            ("nothing of the kind", AuditAsked { what: text("image."), ..all() }),
            ("on one", AuditAsked { on: text("b7"), ..all() }),
            ("of a day", AuditAsked { since: Some(5_000_000), until: Some(6_000_000), ..all() }),
        ] {
            let work = counted.work(async || store.audit(&asked).await.unwrap()).await;
            assert!(work <= counted.most(ONCE), "{} {what}: {work}", store.sort());
        }
        let work = counted.work(async || assert_eq!(store.audit_words().await.unwrap().len(), 20)).await;
        assert!(work <= counted.most(ONCE), "{} words: {work}", store.sort());
    }

    async fn what_is_done_to_the_audit_in_the_database_is_found(place: &Place) {
        let store = place.open().await;
        for n in 0..6 {
            let did = Did { time: NOW + n, by: "ada", from: "socket", what: "board.deploy", on: "b", name: None };
            store.note(&did).await.unwrap();
        }
        let deeds = [
            ("UPDATE audit SET person = 'eve' WHERE n = 3", Broken::Changed { n: 3 }),
            ("UPDATE audit SET at = at + 1 WHERE n = 1", Broken::Changed { n: 1 }),
            ("UPDATE audit SET hash = '00' WHERE n = 6", Broken::Changed { n: 6 }),
            ("DELETE FROM audit WHERE n = 2", Broken::Missing { n: 2 }),
            ("DELETE FROM audit WHERE n = 1", Broken::Missing { n: 1 }),
            ("DELETE FROM audit WHERE n = 6", Broken::Missing { n: 6 }),
            ("DELETE FROM audit", Broken::Missing { n: 1 }),
            (
                "INSERT INTO audit (id, at, person, origin, doing, subject, n, hash) SELECT 'x', at, person, origin,
                 doing, subject, 7, hash FROM audit WHERE n = 6",
                Broken::Changed { n: 7 },
            ),
            (
                "INSERT INTO audit (id, at, person, origin, doing, subject) SELECT 'x', at, person, origin, doing,
                 subject FROM audit WHERE n = 6",
                Broken::Inserted { n: 0 },
            ),
        ];
        for (sql, found) in deeds {
            store.execute("CREATE TABLE kept AS SELECT * FROM audit").await;
            store.execute(sql).await;
            assert_eq!(store.check_audit().await.unwrap().broken, Some(found), "{sql}");
            store.execute("DELETE FROM audit").await;
            store.execute("INSERT INTO audit SELECT * FROM kept").await;
            store.execute("DROP TABLE kept").await;
            assert_eq!(store.check_audit().await.unwrap().broken, None);
        }
    }

    async fn a_second_factor_is_kept_with_the_last_code_and_each_code_is_good_once(place: &Place) {
        let store = place.open().await;
        store.add_user("ada", May::Admin, "$argon2id$1", NOW).await.unwrap();
        assert!(!store.users().await.unwrap()[0].second_factor);
        assert!(!store.use_step("ada", 9).await.unwrap(), "there is none");
        store.put_factor("ada", "SECRET", 7, &["d1".into(), "d2".into()]).await.unwrap();
        assert!(matches!(store.put_factor("bob", "S", 7, &[]).await, Err(Error::NoSuch { .. })));
        assert!(store.users().await.unwrap()[0].second_factor);
        let account = store.account("ada").await.unwrap();
        assert_eq!(account.factor.as_deref(), Some("SECRET"));
        assert!(!format!("{account:?}").contains("SECRET"));
        // The code that has shown that it works is used up.
        assert!(!store.use_step("ada", 7).await.unwrap());
        assert!(store.use_step("ada", 8).await.unwrap());
        assert!(!store.use_step("ada", 8).await.unwrap());
        let both = tokio::join!(store.use_step("ada", 9), store.use_step("ada", 9));
        assert!(both.0.unwrap() != both.1.unwrap(), "one of two that come at once");
        assert!(store.use_recovery("ada", "d1").await.unwrap());
        assert!(!store.use_recovery("ada", "d1").await.unwrap());
        assert!(!store.use_recovery("bob", "d2").await.unwrap());
        assert_eq!(store.count_recovery("ada").await.unwrap(), 1);
        assert!(store.remove_factor("ada").await.unwrap() && !store.remove_factor("ada").await.unwrap());
        assert_eq!(store.count_recovery("ada").await.unwrap(), 0);
    }

    async fn passkeys_are_counted_and_codes_for_a_loss_go_with_the_last_factor(place: &Place) {
        let store = place.open().await;
        for name in ["ada", "bob"] {
            store.add_user(name, May::Admin, "$argon2id$1", NOW).await.unwrap();
        }
        let key = |id: &str, user: &str, name: &str, counter| Passkey {
            id: id.into(),
            user: user.into(),
            name: name.into(),
            host: "localhost".into(),
            key: "a5".into(),
            counter,
            can_back_up: true,
            backed_up: false,
            made: NOW,
            used: None,
        };
        let codes = ["d1".to_owned(), "d2".to_owned()];
        assert!(store.add_passkey(&key("01", "ada", "blue", 5), &codes).await.unwrap(), "the first");
        assert!(!store.add_passkey(&key("02", "ada", "red", 0), &["d3".into()]).await.unwrap());
        assert_eq!(store.count_recovery("ada").await.unwrap(), 2);
        // One name of a user, one key of all; another user may call another key so.
        for (id, user, name) in [("03", "ada", "blue"), ("01", "bob", "blue")] {
            let taken = store.add_passkey(&key(id, user, name, 0), &codes).await;
            assert!(matches!(taken, Err(Error::Taken { .. })), "{taken:?}");
        }
        let nobody = store.add_passkey(&key("04", "eve", "x", 0), &codes).await;
        assert!(matches!(nobody, Err(Error::NoSuch { .. })));
        assert_eq!(store.count_recovery("bob").await.unwrap(), 0, "what was refused left nothing");
        assert!(store.add_passkey(&key("05", "bob", "blue", 0), &codes).await.unwrap());
        let names: Vec<_> = store.passkeys("ada").await.unwrap().into_iter().map(|key| key.name).collect();
        assert_eq!(names, ["blue", "red"]);
        let user = &store.users().await.unwrap()[0];
        assert!(user.second_factor && !user.codes && user.passkeys == 2);
        // It counts forwards, or not at all.
        for (counter, good) in [(6, true), (6, false), (5, false), (0, false), (9, true)] {
            assert_eq!(store.use_passkey("01", counter, true, NOW + 1).await.unwrap(), good, "{counter}");
        }
        for (counter, good) in [(0, true), (0, true), (1, true), (0, false)] {
            assert_eq!(store.use_passkey("02", counter, false, NOW).await.unwrap(), good, "{counter}");
        }
        let both =
            tokio::join!(store.use_passkey("01", 10, true, NOW), store.use_passkey("01", 10, true, NOW));
        assert!(both.0.unwrap() != both.1.unwrap(), "one of two that come at once");
        let used = store.passkey("01").await.unwrap().unwrap();
        assert_eq!((used.counter, used.backed_up, used.used), (10, true, Some(NOW)));
        // Nobody takes another one's away. Codes go with the last factor, of whichever kind.
        assert_eq!(store.remove_passkey("bob", "01").await.unwrap(), None);
        assert_eq!(store.remove_passkey("ada", "01").await.unwrap().as_deref(), Some("blue"));
        store.put_factor("ada", "SECRET", 7, &codes).await.unwrap();
        assert!(store.remove_factor("ada").await.unwrap());
        assert_eq!(store.count_recovery("ada").await.unwrap(), 2);
        assert_eq!(store.remove_passkey("ada", "02").await.unwrap().as_deref(), Some("red"));
        assert_eq!(store.count_recovery("ada").await.unwrap(), 0);
        // All at once.
        store.put_factor("bob", "SECRET", 7, &codes).await.unwrap();
        assert!(store.remove_factors("bob").await.unwrap() && !store.remove_factors("bob").await.unwrap());
        assert!(store.passkeys("bob").await.unwrap().is_empty());
        assert_eq!(store.count_recovery("bob").await.unwrap(), 0);
        for n in 0..20 {
            let one = key(&format!("1{n}"), "bob", &n.to_string(), 0);
            store.add_passkey(&one, &codes).await.unwrap();
        }
        let many = store.add_passkey(&key("99", "bob", "one more", 0), &codes).await;
        assert!(matches!(many, Err(Error::InUse { .. })), "{many:?}");
    }

    async fn links_are_good_once_and_many_may_wait(place: &Place) {
        let store = place.open().await;
        let link = |name: Option<&str>, expires| Invitation { name: name.map(Into::into), role: May::Viewer, expires };
        // Until there is a user only the newest is good.
        store.invite("first", &link(None, NOW + 10), NOW).await.unwrap();
        store.invite("second", &link(None, NOW + 10), NOW).await.unwrap();
        assert_eq!(store.invitation("first", NOW).await.unwrap(), None);
        assert_eq!(store.accept("second", "ada", "$1", NOW).await.unwrap().unwrap().name, "ada");
        assert_eq!(store.accept("second", "eve", "$1", NOW).await.unwrap(), None);
        store.invite("a", &link(None, NOW + 10), NOW).await.unwrap();
        store.invite("b", &link(None, NOW + 10), NOW).await.unwrap();
        store.invite("c", &link(Some("ada"), NOW + 10), NOW).await.unwrap();
        store.invite("d", &link(Some("ada"), NOW + 10), NOW).await.unwrap();
        assert!(store.invitation("a", NOW).await.unwrap().is_some());
        assert_eq!(store.invitation("c", NOW).await.unwrap(), None, "the newer one is good");
        assert_eq!(store.invitation("a", NOW + 10).await.unwrap(), None);
        // Links of administrators stay good when others are made users.
        store.add_user("bob", May::Viewer, "$1", NOW).await.unwrap();
        assert!(store.invitation("a", NOW).await.unwrap().is_some());
        let begun = Started { digest: "s", name: "ada", page: true, origin: "", browser: "", expires: NOW + 10 };
        store.begin_session(&begun, NOW).await.unwrap();
        assert_eq!(store.accept("d", "other", "$2", NOW).await.unwrap().unwrap().name, "ada");
        assert_eq!(store.session("s", true, NOW).await.unwrap(), None);
        let most = loop {
            let digest = crate::station::store::new_name();
            if let Err(error) = store.invite(&digest, &link(None, NOW + 10), NOW).await {
                break error;
            }
        };
        assert!(matches!(most, Error::Many { most: 200, .. }), "{most}");
    }

    async fn a_link_for_the_first_user_ends_with_the_first_user_however_that_one_came(place: &Place) {
        let store = place.open().await;
        let link = Invitation { name: None, role: May::Admin, expires: NOW + 10 };
        store.invite("first", &link, NOW).await.unwrap();
        // An account that nobody can use is none.
        let mut tx = store.db.begin().await.unwrap();
        crate::station::store::people::add_disabled(&mut tx, "old", NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.invitation("first", NOW).await.unwrap().is_some());
        // A command makes one.
        store.add_user("ada", May::Admin, "$1", NOW).await.unwrap();
        assert_eq!(store.invitation("first", NOW).await.unwrap(), None);
        assert_eq!(store.accept("first", "eve", "$1", NOW).await.unwrap(), None);
        assert_eq!(store.users().await.unwrap().len(), 2);
    }

    async fn answers_are_kept_for_a_day_under_their_callers_keys(place: &Place) {
        let store = place.open().await;
        let begin = async |by, key, digest, now| store.begin_once(by, key, digest, now).await.unwrap();
        assert_eq!(begin("ada", "k", "d", NOW).await, Once::New);
        assert_eq!(begin("ada", "k", "d", NOW + 1).await, Once::Unfinished { since: NOW });
        assert_eq!(begin("ada", "k", "other", NOW + 1).await, Once::Other);
        assert_eq!(begin("bob", "k", "other", NOW + 1).await, Once::New);
        store.end_once("ada", "k", Some((201, "{}"))).await.unwrap();
        store.end_once("bob", "k", None).await.unwrap();
        let day = 86_400_000;
        let done = Once::Done { status: 201, answer: "{}".into() };
        assert_eq!(begin("ada", "k", "d", NOW + day).await, done);
        assert_eq!(begin("bob", "k", "d", NOW + 2).await, Once::New, "what was refused may be asked again");
        assert_eq!(begin("ada", "k", "d", NOW + day + 1).await, Once::New);
        // They are bounded; the oldest go.
        store
            .execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                 INSERT INTO idempotent (person, key, digest, made) SELECT 'eve', CAST(i AS TEXT), 'd', 1764324000000 + i FROM n",
            )
            .await;
        assert_eq!(begin("eve", "new", "d", NOW + 20_000).await, Once::New);
        assert_eq!(begin("eve", "1", "d", NOW + 20_000).await, Once::New);
        assert_eq!(begin("eve", "10000", "d", NOW + 20_000).await, Once::Unfinished { since: NOW + 10_000 });
    }

    async fn what_a_hook_is_told_waits_is_tried_again_and_ends(place: &Place) {
        let store = place.open().await;
        let hook = |name: &str| Hook {
            name: name.into(),
            url: "https://hooks.example/".into(),
            events: vec![Happening::RunDone, Happening::BoardSeen],
            plain: true,
            made: NOW,
            by: "ada".into(),
        };
        store.add_hook(&hook("a"), "secret").await.unwrap();
        assert!(matches!(store.add_hook(&hook("a"), "x").await, Err(Error::Taken { .. })));
        assert_eq!(store.hooks().await.unwrap(), [hook("a")]);
        assert!(matches!(store.queue("no", Happening::Test, "", "", NOW).await, Err(Error::NoSuch { .. })));
        store.queue("a", Happening::RunDone, "r1", "{}", NOW).await.unwrap();
        store.queue("a", Happening::RunDone, "r2", "{}", NOW + 5).await.unwrap();
        let due = store.due(NOW).await.unwrap();
        assert_eq!((due.len(), due[0].secret.as_str(), due[0].plain, due[0].tries), (1, "secret", true, 0));
        assert!(!format!("{due:?}").contains("secret"));
        let id = due[0].id.clone();
        store.tried(&id, Some(503), Some("busy"), Some(NOW + 100), NOW + 1).await.unwrap();
        assert_eq!(store.due(NOW + 99).await.unwrap().len(), 1);
        store.tried(&id, None, Some("gone"), None, NOW + 101).await.unwrap();
        let all = store.deliveries(&DeliveriesAsked::default()).await.unwrap().items;
        let states: Vec<_> = all.iter().map(|one| (one.on.as_str(), one.state, one.tries)).collect();
        assert_eq!(states, [("r2", DeliveryState::Waiting, 0), ("r1", DeliveryState::GivenUp, 2)]);
        store.try_again(&id, NOW + 200).await.unwrap();
        store.tried(&id, Some(200), None, None, NOW + 201).await.unwrap();
        assert!(matches!(store.try_again(&id, NOW).await, Err(Error::NoSuch { .. })));
        // What is too much is given up, the oldest first.
        for n in 0..1000 {
            store.queue("a", Happening::BoardSeen, &n.to_string(), "{}", NOW + 300).await.unwrap();
        }
        let asked = DeliveriesAsked { state: Some(DeliveryState::GivenUp), ..Default::default() };
        let given_up = store.deliveries(&asked).await.unwrap().items;
        assert_eq!(given_up.iter().map(|one| one.on.as_str()).collect::<Vec<_>>(), ["r2"]);
        assert_eq!(store.forget_deliveries(NOW + 6).await.unwrap(), 2);
        store.remove_hook("a").await.unwrap();
        assert!(store.deliveries(&DeliveriesAsked::default()).await.unwrap().items.is_empty());
        assert!(matches!(store.remove_hook("a").await, Err(Error::NoSuch { .. })));
    }
}
