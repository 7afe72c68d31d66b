use super::*;
use crate::station::store::Error;
use crate::station_api::{Audit, Backup, ListAsked, Role as May, Token};

on_both! {
    async fn accounts_sessions_and_tokens(place: &Place) {
        let store = place.open().await;
        let ada = store.add_user("ada", May::Admin, "$argon2id$1", NOW).await.unwrap();
        assert!(matches!(store.add_user("ada", May::Viewer, "x", NOW).await, Err(Error::Taken { .. })));
        assert!(matches!(store.add_user("a\nb", May::Viewer, "x", NOW).await, Err(Error::BadValue { .. })));
        store.add_user("bob", May::Operator, "$argon2id$2", NOW).await.unwrap();
        assert_eq!(store.users().await.unwrap()[0], ada);
        let account = store.account("ada").await.unwrap();
        assert_eq!(account.password, "$argon2id$1");
        assert!(!format!("{account:?}").contains("argon2"));

        store.begin_session("d1", "ada", NOW, NOW + 10).await.unwrap();
        store.begin_session("d2", "ada", NOW, NOW + 10).await.unwrap();
        assert_eq!(store.session("d1", NOW).await.unwrap().unwrap().last, Some(NOW));
        assert_eq!(store.session("d1", NOW + 10).await.unwrap(), None);
        store.end_session("d1").await.unwrap();
        assert_eq!(store.session("d1", NOW).await.unwrap(), None);
        // Another password ends the others too.
        store.change_user("ada", None, None, Some("$argon2id$3")).await.unwrap();
        assert_eq!(store.session("d2", NOW).await.unwrap(), None);
        // One that may let others in stays.
        let error = store.change_user("ada", None, Some(true), None).await.unwrap_err();
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        assert!(store.change_user("ada", Some(May::Viewer), None, None).await.is_err());
        assert!(matches!(store.change_user("no", None, None, None).await, Err(Error::NoSuch { .. })));

        let token = Token {
            name: "ci".into(),
            role: May::Operator,
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
        for n in 0..5 {
            let line = Audit {
                time: NOW + n,
                by: "ada".into(),
                from: "socket".into(),
                what: "board.deploy".into(),
                on: format!("b{n}\0"),
            };
            store.note(&line).await.unwrap();
        }
        let asked = |after| ListAsked { after, limit: Some(3), ..ListAsked::default() };
        let first = store.audit(&asked(None)).await.unwrap();
        assert_eq!(first.items[0].on, "b4\u{fffd}");
        let second = store.audit(&asked(first.next)).await.unwrap();
        assert_eq!((second.items.len(), second.next), (2, None));
    }
}
