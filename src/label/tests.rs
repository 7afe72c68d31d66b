use super::*;

const TEMPLATE: &str = "size 50 25\ntext 2 2 4 {serial}\nqr 2 8 15 {serial}\ndatamatrix 30 8 15 {mac}\n";

fn label(language: LabelLanguage, text: &str) -> Label {
    Label { name: "l".into(), language, text: text.into(), ..Label::default() }
}

#[test]
fn a_template_names_its_values_once_each() {
    assert_eq!(names(TEMPLATE), ["serial", "mac"]);
    let samples = samples("{serial}{rack}");
    assert_eq!((samples["serial"].as_str(), samples["rack"].as_str()), ("10000000af04b2da", "rack"));
}

#[test]
fn a_template_that_can_be_printed_is_taken_and_no_other() {
    check(&label(LabelLanguage::Drawn, TEMPLATE)).unwrap();
    check(&label(LabelLanguage::Zpl, "^XA^FO10,10^FD{serial}^FS^XZ")).unwrap();
    assert!(check(&label(LabelLanguage::Drawn, "^XA^XZ")).is_err());
    let long = "#".repeat(LONGEST_LABEL + 1);
    assert_eq!(check(&label(LabelLanguage::Drawn, &long)), Err(Error::Long));
    assert_eq!(check(&label(LabelLanguage::Text, &long)), Err(Error::Long));
}

#[test]
fn each_printer_gets_its_own_language() {
    let values = samples(TEMPLATE);
    let made = |takes| fill(LabelLanguage::Drawn, TEMPLATE, &values, takes).unwrap();
    let zpl = made(PrinterTakes::Zpl);
    assert!(zpl.bytes.starts_with(b"^XA^PW400^LL200^") && zpl.bytes.ends_with(b"^PQ1^XZ\n") && !zpl.is_text);
    assert!(made(PrinterTakes::Epl).bytes.starts_with(b"\r\nN\r\nq400\r\nQ200,24\r\nGW0,0,50,200,"));
    assert!(made(PrinterTakes::Png).bytes.starts_with(b"\x89PNG"));
    // What isn't drawn goes as it is, whatever the printer takes of pictures.
    let raw = fill(LabelLanguage::Zpl, "^FD{serial}^FS", &values, PrinterTakes::Png).unwrap();
    assert!(raw.is_text && raw.bytes == b"^FD10000000af04b2da^FS");
}
