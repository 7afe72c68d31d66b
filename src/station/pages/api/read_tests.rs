use super::*;

fn api() -> Value {
    serde_json::from_str(&crate::station::table().finish().1.to_json().unwrap()).unwrap()
}

#[test]
fn each_call_of_the_table_is_told_once_with_who_may_make_it() {
    let api = api();
    let groups = groups(&api);
    let calls: Vec<_> = groups.iter().flat_map(|group| &group.calls).collect();
    let rows = crate::station::table();
    assert_eq!(calls.len(), rows.rows().len());
    for row in rows.rows() {
        let word = row.method.word().to_uppercase();
        let found: Vec<_> =
            calls.iter().filter(|call| call.method == word && call.path == row.path).collect();
        let [call] = found[..] else { panic!("{word} {}", row.path) };
        assert!(!call.summary.is_empty() && !call.answers.is_empty(), "{call:?}");
        assert!(call.example.starts_with("curl ") && call.example.contains("$STATION/"), "{}", call.example);
        if let crate::station::web::Access::Role(role) = row.access {
            assert!(call.access.contains(&format!("role {role}")), "{call:?}");
        }
    }
    let others: Vec<_> =
        groups.iter().filter(|group| group.title == "Others").flat_map(|group| &group.calls).collect();
    assert!(others.iter().all(|call| !call.path.starts_with("/api/")), "{others:?}");
    let ids: std::collections::BTreeSet<_> = calls.iter().map(|call| &call.id).collect();
    assert_eq!(ids.len(), calls.len(), "each has an anchor of its own");
}

#[test]
fn each_thing_that_is_named_is_told() {
    let api = api();
    let things = things(&api);
    let groups = groups(&api);
    let calls = groups.iter().flat_map(|group| &group.calls);
    let of_calls = calls.flat_map(|call| {
        let answers = call.answers.iter().filter_map(|one| one.kind.as_ref());
        call.parameters.iter().map(|one| &one.kind).chain(&call.body).chain(answers)
    });
    let of_things =
        things.iter().flat_map(|thing| thing.members.iter().map(|one| &one.kind).chain([&thing.kind]));
    let mut links = 0;
    for link in of_calls.chain(of_things).filter_map(|kind| kind.link.as_ref()) {
        assert!(things.iter().any(|thing| thing.name == *link), "{link}");
        links += 1;
    }
    assert!(links > 100, "{links}");
}

#[test]
fn an_example_has_all_that_a_body_needs_and_a_type_is_told_in_words() {
    let api = api();
    let calls: Vec<_> = groups(&api).into_iter().flat_map(|group| group.calls).collect();
    let of = |path: &str, method: &str| {
        &calls.iter().find(|one| one.path == path && one.method == method).unwrap().example
    };
    let example = of("/api/v1/boards/{board}/jobs", "POST");
    let body = example.split('\'').nth(3).unwrap();
    assert!(serde_json::from_str::<crate::station_api::NewJob>(body).is_ok(), "{example}");
    assert!(example.ends_with("\"$STATION/api/v1/boards/BOARD/jobs\""), "{example}");
    assert!(of("/api/v1/images/{image}", "PUT").contains(" -T FILE "));
    for (schema, want) in [
        (r#"{"type":["array","null"],"items":{"$ref":"x/Board"}}"#, "list of Board"),
        (r#"{"oneOf":[{"type":"null"},{"$ref":"x/Board"}]}"#, "Board"),
        (r#"{"type":"string","enum":["a","b"]}"#, "a, b"),
        (r#"{"type":"object","additionalProperties":{"type":"integer"}}"#, "by name: whole number"),
        ("{}", "anything"),
    ] {
        assert_eq!(kind(&serde_json::from_str(schema).unwrap()).words(), want);
    }
}
