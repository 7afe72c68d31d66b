//! Nothing writes past the gate.

use std::path::Path;

/// Files that may have such a thing in them, and why.
const MAY: [(&str, &str); 6] = [
    ("src/bin/piprov-agent.rs", "runs without cli::ui; each text of its own goes through format::message"),
    ("src/cli/ui.rs", "the gate: it has the streams"),
    ("src/cli/ui/bars.rs", "the gate's moving lines"),
    ("src/format/json.rs", "the careful JSON"),
    ("src/format/json/object.rs", "the careful JSON"),
    ("src/bin/piprov-udev.rs", "its own stderr, through format::message"),
];

/// What writes, or makes what is written.
const WRITES: [&str; 16] = [
    "println!",
    "print!",
    "dbg!",
    "io::stdout",
    "io::stderr",
    "stdio::stdout",
    "stdio::stderr",
    "/dev/stdout",
    "/dev/stderr",
    "/dev/tty\"",
    "ProgressBar",
    "MultiProgress",
    "serde_json::to_string",
    "serde_json::to_vec",
    "serde_json::to_writer",
    "serde_json::json",
];

#[test]
fn nothing_is_written_past_the_gate() {
    let mut found = Vec::new();
    look(Path::new("src"), &mut found);
    assert!(found.is_empty(), "through cli::ui or format::json, please:\n{}", found.join("\n"));
}

fn look(dir: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        if path.is_dir() {
            look(&path, found);
        } else if name.ends_with(".rs")
            && !name.ends_with("tests.rs")
            && !name.contains("/tests/")
            && !MAY.iter().any(|(may, _)| name == *may)
        {
            let text = std::fs::read_to_string(&path).unwrap();
            // A module of tests is the last thing in its file.
            let tests = text.match_indices("\n#[cfg(test)]\n").map(|(at, mark)| at + mark.len());
            let tests = tests.into_iter().find(|at| text[*at..].lines().next().unwrap().ends_with('{'));
            let code = &text[..tests.unwrap_or(text.len())];
            for (number, line) in code.lines().enumerate() {
                // `eprintln!` has `println!` in it; a comment writes nothing.
                if !line.trim_start().starts_with("//") && WRITES.iter().any(|word| line.contains(word)) {
                    found.push(format!("{name}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
}
