//! What a hint says to type does what it says, whatever is in the names that it was made from.

use crate::common::piprov;

#[test]
fn a_hint_that_is_pasted_into_a_shell_runs_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for name in
        ["x; touch pwned", "$(touch pwned)", "`touch pwned`", "x'; touch pwned; '", "a\\\"b && touch pwned"]
    {
        let output = piprov()
            .current_dir(dir.path())
            .args(["mklive", "--live", "live", "--clients", name])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        // The command stands between the first backtick and what comes behind it.
        let hint = told.lines().find_map(|line| line.trim_start().strip_prefix("hint: `")).expect(&told);
        let command = hint.split("` makes one").next().unwrap();
        let line = format!("piprov() {{ printf '%s\\n' \"$@\"; }}; {command}");
        let shell =
            std::process::Command::new("sh").current_dir(dir.path()).args(["-c", &line]).output().unwrap();
        let said = String::from_utf8(shell.stdout).unwrap();
        let wanted = dir.path().canonicalize().unwrap().join(name).join("1ststage");
        assert_eq!(said.lines().last().unwrap(), wanted.to_str().unwrap(), "{told}");
        assert!(!dir.path().join("pwned").exists(), "{told}");
    }
}
