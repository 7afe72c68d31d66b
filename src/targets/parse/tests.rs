use super::*;
use crate::targets::{Form, HEADER_SECRET};

/// The rows as `name mac ip reset` and the problems as `line: message`.
fn seen(text: &[u8]) -> (Vec<String>, Vec<String>) {
    let parsed = parse(text);
    let show = |row: &Target| {
        let ip = row.ip.map_or("-".to_owned(), |ip| ip.to_string());
        let reset = row.reset.as_ref().map_or("-".to_owned(), ToString::to_string);
        format!("{} {} {ip} {reset}", row.name, row.mac)
    };
    (
        parsed.rows.iter().map(show).collect(),
        parsed.problems.iter().map(|p| format!("{}: {}", p.line, p.message)).collect(),
    )
}

const TWO: [&str; 2] =
    ["lab-01 dc:a6:32:01:02:03 10.0.0.3 gpiochip0:17", "lab-02 dc:a6:32:01:02:04 - command:poe off, 2"];

#[test]
fn harmless_differences_are_accepted() {
    let one = "lab-01,dc:a6:32:01:02:03,10.0.0.3,gpiochip0:17";
    let two = "lab-02,DC-A6-32-01-02-04,,\"command:poe off, 2\"";
    for text in [
        format!("name,mac,ip,reset\n{one}\n{two}\n"),
        format!("{one}\n{two}"),
        format!("\u{feff}Name, MAC ,IP,Reset\r\n{one}\r\n{two}\r\n"),
        format!("# the lab\n\n  # more\n{one}\n\n   \n{two}\n\n"),
        format!("\u{feff}{one}\n\u{feff}{two}\n"),
        format!(" {} \n\t{two}", one.replace(',', " , ")),
        format!("{one}\n{}", two.replace(",\"", ", \"")),
    ] {
        assert_eq!(seen(text.as_bytes()), (TWO.map(String::from).to_vec(), vec![]), "{text}");
    }
    assert_eq!(seen(b"a,dc:a6:32:01:02:03").0, ["a dc:a6:32:01:02:03 - -"]);
    for empty in ["", "\n", "\u{feff}", "name,mac,ip,reset", "# nothing\r\n"] {
        assert_eq!(seen(empty.as_bytes()), (vec![], vec![]), "{empty:?}");
    }
}

#[test]
fn what_spreadsheets_write_is_read() {
    let one = "lab-01;dca6.3201.0203;10.0.0.3;gpiochip0:17;\"bench; left\"";
    let two = "lab-02;DC-A6-32-01-02-04;;\"command:poe off, 2\";";
    for text in [
        // Semicolons, other words in the header, and a column more.
        format!("\u{feff}Name;MAC Address;IP;Reset;Comment\r\n{one}\r\n{two}\r\n;;;;\r\n"),
        format!("sep=;\r\nHost name;mac;ip_address;reset;Notes\r\n{one}\r\n{two};;;\r\n"),
        // In any order, and with tabs.
        "Comment\tReset\tIP\tMAC\tName\nleft, x\tgpiochip0:17\t10.0.0.3\tdca632010203\tlab-01\n\
         \tcommand:poe off, 2\t\tdca6.3201.0204\tlab-02\n"
            .to_owned(),
        // Without a header.
        format!("{}\n{}\n", &one[..one.len() - 14], &two[..two.len() - 1]),
    ] {
        assert_eq!(seen(text.as_bytes()), (TWO.map(String::from).to_vec(), vec![]), "{text}");
    }
}

#[test]
fn what_is_wrong_with_the_whole_file_is_told_once() {
    let file = "Board|Ethernet|Where\nlab-01|dc:a6:32:01:02:03|left\nlab-02|dc:a6:32:01:02:04|right\n";
    let told = seen(file.as_bytes()).1;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("1: no line has a MAC address in its second field"), "{told:?}");
    let latin = b"name;mac;where\nlab-01;dca632010203;caf\xe9\nlab-02;dca632010204;caf\xe9\nlab-03;dca632010205;caf\xe9\n";
    // Nobody asks for that column; a name has to be text.
    assert_eq!((seen(latin).0.len(), seen(latin).1), (3, vec![]));
    let name = b"name;mac\ncaf\xe9;dca632010203\ncaf\xe9;dca632010204\n";
    let told = "2: not UTF-8 text, and one more line isn't; save it as \"CSV UTF-8\"";
    assert_eq!(seen(name).1, [told]);
    let header = b"name;mac;B\xfcro\n# B\xfcro\na;dca632010203;x\n";
    assert_eq!((seen(header).0.len(), seen(header).1), (1, vec![]));
}

#[test]
fn a_header_with_words_that_are_not_known_is_told_once() {
    let rows = "lab-01,dc:a6:32:01:02:03,10.0.0.3,\nlab-02,dc:a6:32:01:02:04,10.0.0.4,\n";
    for separator in [",", ";", "\t"] {
        let text = format!("Hostname,MAC-Adresse,IP-Adresse,Reset\n{rows}").replace(',', separator);
        let told = seen(text.as_bytes()).1;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("1: it is a header") && told[0].contains("`MAC-Adresse`, `IP-Adresse`;"),
            "{told:?}"
        );
    }
    // A row whose MAC address is wrong is a row.
    let told = seen(format!("lab-00,dc:a6:32,10.0.0.2,\n{rows}").as_bytes()).1;
    assert_eq!(told, ["1: `dc:a6:32` is no MAC address: six pairs of hexadecimal digits are needed"]);
    assert_eq!(seen(b"Hostname,Adresse\n").1.len(), 1, "nothing has a MAC address");
}

#[test]
fn a_number_that_was_a_mac_address_is_known() {
    let told =
        "a spreadsheet has made a number of the MAC address: format the column as text, and write it again";
    for number in ["1.2E+11", "\"1,2E+11\"", "2E+10", "1.20304E+11"] {
        assert_eq!(seen(format!("name,mac\na,{number}\n").as_bytes()).1, [format!("2: {told}")]);
    }
    assert_eq!(seen(b"name,mac\na,12E405060708\n").1, Vec::<String>::new());
}

#[test]
fn the_original_form_is_read() {
    let want = [
        "pi-10.0.0.3 dc:a6:32:01:02:03 10.0.0.3 gpiochip0:17",
        "pi-dca632010204 dc:a6:32:01:02:04 - gpiochip0:5",
    ];
    let rows = "dc:a6:32:01:02:03,10.0.0.3,0\ndc:a6:32:01:02:04,,21";
    for text in [format!("mac,ip,reset_io\n{rows}"), rows.to_owned()] {
        assert_eq!(seen(text.as_bytes()), (want.map(String::from).to_vec(), vec![]), "{text}");
        assert_eq!(parse(text.as_bytes()).columns.form(), Form::Original);
        let rows: Vec<_> = parse(text.as_bytes()).rows.iter().map(Target::to_row).collect();
        assert_eq!(seen(rows.join("\n").as_bytes()), (want.map(String::from).to_vec(), vec![]));
    }
    assert_eq!(seen(b"dc:a6:32:01:02:03,10.0.0.3,").0, ["pi-10.0.0.3 dc:a6:32:01:02:03 10.0.0.3 -"]);
}

#[test]
fn every_problem_is_named_with_its_line() {
    let text = b"name,mac,ip,reset\n\
        lab-01,dc:a6:32:01:02:03,10.0.0.3,gpiochip0:17lab-02,dc:a6:32:01:02:04,10.0.0.4,gpiochip0:27\n\
        lab-03,dc:a6:32:01:02,10.0.0.300,17\n\
        lab-04,dc:a6:32:01:02:06,10.0.0.6,\n\
        lab 05,,10.0.0.6,command:\n\
        lab-04,dc:a6:32:01:02:06,,command:a,b\n\
        lab-04,dca632010206,,\n\
        \xff\xfe\n\
        lab-08,\"dc:a6:32:01:02:08,,\n\
        ,dc:a6:32:01:02:09\n\
        10.0.0.9,dc:a6:32:01:02:0a,224.0.0.1\n\
        lab-0b;dc:a6:32:01:02:0b\n\
        lab-0c,dc:a6:32:01:02:0c\rlab-0d,dc:a6:32:01:02:0d\n";
    let want = [
        "2: 7 fields instead of 4, and a second MAC address: two targets on one line",
        "3: `dc:a6:32:01:02` is no MAC address: six pairs of hexadecimal digits are needed",
        "3: `10.0.0.300` is no IP address",
        "3: `17` is no reset: write gpiochip0:17, gpiochip0:GPIO17 or command:…",
        "5: `lab 05` is no name: it has spaces in it",
        "5: the MAC address is missing",
        "5: the IP address 10.0.0.6 is also on line 4",
        "5: `command:` is no reset: the command is missing",
        "6: 5 fields instead of 4; a command with a comma in it needs double quotes around the field",
        "7: the name `lab-04` is also on line 4",
        "7: the MAC address dc:a6:32:01:02:06 is also on line 4",
        "8: not UTF-8 text; save it as \"CSV UTF-8\"",
        "9: a quote is opened and never closed",
        "10: the name is missing",
        "11: `10.0.0.9` is no name: it looks like an IP address",
        "11: `224.0.0.1` is no address of one board",
        "12: fields are separated by commas, not by semicolons or tabs",
        "13: a carriage return in the middle; two targets on one line?",
    ];
    let (rows, problems) = seen(text);
    assert_eq!(problems, want);
    assert_eq!(rows, ["lab-04 dc:a6:32:01:02:06 10.0.0.6 -"]);
}

#[test]
fn problems_of_the_original_form() {
    let text = b"dc:a6:32:01:02:03,10.0.0.3,5dc:a6:32:01:02:04,10.0.0.4,6\ndc:a6:32:01:02:05,10.0.0.5,32\n";
    let want = [
        "1: 5 fields instead of 3, and a second MAC address: two targets on one line",
        "2: `32` is no WiringPi pin, which are 0 to 31",
    ];
    assert_eq!(seen(text).1, want);
}

#[test]
fn a_column_for_secrets_is_there_where_the_header_names_it() {
    let row = "lab-01,dc:a6:32:01:02:03,,,";
    let parsed = parse(format!("Name, mac,ip,reset,Secret\n{row}keys/lab-01\nb,dca632010204\n").as_bytes());
    assert_eq!((parsed.columns.form(), parsed.problems), (Form::Secret, vec![]));
    assert_eq!(parsed.rows[0].secret.as_deref(), Some(std::path::Path::new("keys/lab-01")));
    assert_eq!(parsed.rows[1].secret, None);
    let problem = |text: String| seen(text.as_bytes()).1.concat();
    assert!(problem(format!("{row}keys/lab-01")).contains("5 fields instead of 4"));
    let inside = problem(format!("{HEADER_SECRET}\n{row}0123456789abcdef0123456789abcdef"));
    assert!(inside.contains("the secret itself") && !inside.contains("0123"), "{inside}");
    assert!(problem(format!("{HEADER_SECRET}\n{row}a\u{1b}[2J")).contains("control"));
}

#[test]
fn other_headers_and_encodings_are_named() {
    assert_eq!(seen(b"mac,ip,reset\nx\ny\n").1, ["1: the header has no column `name`"]);
    assert_eq!(seen(b"name,mac,MAC Address\nx\n").1, ["1: the header has two columns for `mac`"]);
    let utf16: Vec<u8> = "\u{feff}a,b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(seen(&utf16).1, ["1: a NUL byte; is this UTF-16? Save it as CSV in UTF-8"]);
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) { let _ = parse(&bytes); }

    #[test]
    fn no_text_made_of_the_grammar_panics(text in "([a-z0-9:.,\"#\r\n ;é-]|mac|ip|command:|gpiochip0:|dc:a6:32:01:02:03){0,40}") {
        let parsed = parse(text.as_bytes());
        for row in &parsed.rows {
            proptest::prop_assert!(row.line >= 1 && row.line <= text.split('\n').count());
        }
    }
}
