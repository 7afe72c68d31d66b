//! The pages of commands, as `man` has them, as HTML. They are made from the command line itself, so they use few requests
//! of roff, and a test holds that. Pure.

use std::fmt::Write;

use super::markdown::{anchor, escape};

/// Words with their fonts: `\fB` and `\fI` until `\fR`.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut open = "";
    let mut rest = text;
    let close = |open: &str| if open.is_empty() { String::new() } else { format!("</{open}>") };
    while let Some(at) = rest.find('\\') {
        out.push_str(&escape(&rest[..at]));
        let escaped = &rest[at + 1..];
        let known = [
            ("fB", "strong"),
            ("fI", "em"),
            ("fR", ""),
            ("fP", ""),
            ("*(Aq", "'"),
            ("(aq", "'"),
            ("(bu", "•"),
            ("-", "-"),
            ("&", ""),
            ("e", "\\"),
            (".", "."),
            (" ", " "),
        ];
        let Some((word, means)) = known.into_iter().find(|(word, _)| escaped.starts_with(word)) else {
            rest = escaped;
            continue;
        };
        if word.starts_with('f') {
            out.push_str(&close(open));
            open = means;
            if !open.is_empty() {
                let _ = write!(out, "<{open}>");
            }
        } else {
            out.push_str(&escape(means));
        }
        rest = &escaped[word.len()..];
    }
    out.push_str(&escape(rest));
    out.push_str(&close(open));
    out
}

/// What the line of a command says of it: the part behind its name.
pub(super) fn about(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| *line != ".SH NAME");
    let line = lines.nth(1).unwrap_or_default().replace("\\-", "-");
    line.split_once(" - ").map_or("", |(_, about)| about).to_owned()
}

/// The arguments of a request.
fn words(line: &str) -> String {
    line.trim().trim_matches('"').to_owned()
}

/// A page as HTML.
pub(super) fn html(text: &str) -> String {
    let mut page = Page::default();
    for line in text.lines() {
        page.line(line);
    }
    page.close();
    page.out
}

#[derive(Default)]
struct Page {
    out: String,
    /// Text that isn't over yet.
    text: Vec<String>,
    /// The next line is a term.
    term: bool,
    list: bool,
    verbatim: bool,
}

impl Page {
    fn flush(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let text = self.text.join(if self.verbatim { "\n" } else { " " });
        let _ = match (self.verbatim, self.list) {
            (true, _) => writeln!(self.out, "<pre tabindex=\"0\">{text}</pre>"),
            (false, true) => writeln!(self.out, "<dd>{text}</dd>"),
            (false, false) => writeln!(self.out, "<p>{text}</p>"),
        };
        self.text.clear();
    }

    fn close(&mut self) {
        self.flush();
        if self.list {
            self.out.push_str("</dl>\n");
            self.list = false;
        }
    }

    fn begin_term(&mut self) {
        self.flush();
        if !self.list {
            self.out.push_str("<dl>\n");
            self.list = true;
        }
    }

    fn line(&mut self, line: &str) {
        let Some(request) = line.strip_prefix('.') else {
            if self.term {
                self.term = false;
                let _ = writeln!(self.out, "<dt>{}</dt>", inline(line));
            } else if !line.starts_with('\'') && !(line.is_empty() && !self.verbatim) {
                self.text.push(inline(line));
            }
            return;
        };
        let (name, rest) = request.split_once(' ').unwrap_or((request, ""));
        match name {
            "TH" => {
                let title = rest.split(' ').take(2).collect::<Vec<_>>();
                let title = format!("{}({})", title.first().unwrap_or(&""), title.get(1).unwrap_or(&""));
                let _ = writeln!(self.out, "<h1>{}</h1>", escape(&title.replace('\\', "").replace('"', "")));
            }
            "SH" | "SS" => {
                self.close();
                let level = if name == "SH" { 2 } else { 3 };
                let words = words(rest);
                let _ = writeln!(
                    self.out,
                    r#"<h{level} id="{}">{}</h{level}>"#,
                    escape(&anchor(&words)),
                    inline(&words)
                );
            }
            "TP" => {
                self.begin_term();
                self.term = true;
            }
            "IP" => {
                self.begin_term();
                let term = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
                let term = term.or_else(|| rest.split(' ').next()).unwrap_or_default();
                let _ = writeln!(self.out, "<dt>{}</dt>", inline(term));
            }
            "PP" => self.close(),
            "B" | "I" | "BR" | "IR" => {
                let mut words = rest.split(' ').map(|word| word.trim_matches('"'));
                let first = inline(words.next().unwrap_or_default());
                let tag = if name.starts_with('B') { "strong" } else { "em" };
                let text = if name.len() == 2 {
                    let rest: String = words.map(inline).collect();
                    format!("<{tag}>{first}</{tag}>{rest}")
                } else {
                    format!("<{tag}>{}</{tag}>", inline(rest))
                };
                if self.term {
                    self.term = false;
                    let _ = writeln!(self.out, "<dt>{text}</dt>");
                } else {
                    self.text.push(text);
                }
            }
            "br" => self.text.push("<br>".to_owned()),
            "nf" => {
                self.flush();
                self.verbatim = true;
            }
            "fi" => {
                self.flush();
                self.verbatim = false;
            }
            // Where lists within lists are, what belongs to them stands below each other as well.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_command() {
        let text = ".ie \\n(.g .ds Aq \\(aq\n.TH piprov-x 1 \"piprov\"\n.SH NAME\npiprov\\-x \\- Do <x>\n.SH OPTIONS\n.TP\n\
                    \\fB\\-\\-to\\fR \\fI<DIR>\\fR\nWhere it\\*(Aqs put\n";
        assert_eq!(
            html(text),
            "<h1>piprov-x(1)</h1>\n<h2 id=\"name\">NAME</h2>\n<p>piprov-x - Do &#60;x&#62;</p>\n<h2 id=\"options\">OPTIONS</h2>\n\
             <dl>\n<dt><strong>--to</strong> <em>&#60;DIR&#62;</em></dt>\n<dd>Where it&#39;s put</dd>\n</dl>\n"
        );
        assert_eq!(about(text), "Do <x>");
    }

    #[test]
    fn all_pages_use_what_is_known_here() {
        let known = [
            ".ie", ".el", ".TH", ".SH", ".SS", ".TP", ".IP", ".PP", ".RS", ".RE", ".B", ".I", ".BR", ".IR",
            ".br", ".nf", ".fi",
        ];
        let files: Vec<_> = std::fs::read_dir("man").unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() > 100);
        for path in &files {
            let name = path.file_name().unwrap().to_str().unwrap();
            let text = &std::fs::read_to_string(path).unwrap();
            for line in text.lines().filter(|line| line.starts_with('.') && !line.starts_with(".\\\"")) {
                let request = line.split(' ').next().unwrap();
                assert!(known.contains(&request), "{name}: {line}");
            }
            let html = html(text);
            assert!(!html.contains('\\') || name.contains("toml"), "{name}: {html}");
            for tag in ["strong", "em", "dl", "p", "pre"] {
                let (begun, ended) = (format!("<{tag}"), format!("</{tag}>"));
                let begun =
                    html.matches(&format!("{begun}>")).count() + html.matches(&format!("{begun} ")).count();
                assert_eq!(begun, html.matches(&ended).count(), "{name}: {tag}");
            }
            assert!(!about(text).is_empty() || name == "piprov.toml.5", "{name}");
        }
    }
}
