//! The Markdown of `docs/` as HTML. Headings get anchors, links lead into the manual or nowhere, and no HTML of a page
//! passes. Pure.

use askama::filters::{Escaper, Html};
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

/// Text that stands for itself within HTML.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing into a string can't fail.
    let _ = Html.write_escaped_str(&mut out, text);
    out
}

/// The anchor of a heading.
pub(super) fn anchor(heading: &str) -> String {
    let mut out = String::new();
    for char in heading.to_lowercase().chars() {
        if char.is_alphanumeric() {
            out.push(char);
        } else if (char == ' ' || char == '-') && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_matches('-').to_owned()
}

/// What a page consists of, without its pictures: they are of the very pages that this manual is part of.
fn events(text: &str) -> Vec<Event<'_>> {
    let mut within = 0;
    let mut kept: Vec<Event<'_>> = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Image { .. }) => within += 1,
            Event::End(TagEnd::Image) => within -= 1,
            _ if within > 0 => {}
            // A paragraph of nothing but a picture.
            Event::End(TagEnd::Paragraph) if kept.last() == Some(&Event::Start(Tag::Paragraph)) => {
                kept.pop();
            }
            event => kept.push(event),
        }
    }
    kept
}

/// The words of a heading that has begun just before.
fn words(events: &[Event<'_>]) -> String {
    let inner = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let words = inner.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
        Event::SoftBreak => Some(" "),
        _ => None,
    });
    words.collect()
}

/// The headings of a page.
fn headings(text: &str) -> Vec<(HeadingLevel, String)> {
    let events = events(text);
    let heading = |(at, event): (usize, &Event<'_>)| match event {
        Event::Start(Tag::Heading { level, .. }) => Some((*level, words(&events[at + 1..]))),
        _ => None,
    };
    events.iter().enumerate().filter_map(heading).collect()
}

/// The title of a page.
pub(super) fn title(text: &str) -> String {
    let first = headings(text).into_iter().find(|(level, _)| *level == HeadingLevel::H1);
    first.map(|(_, words)| words).unwrap_or_default()
}

/// The parts of a page: anchor, title, whether it is a part of a part.
pub(super) fn parts(text: &str) -> Vec<(String, String, bool)> {
    let parts = headings(text).into_iter();
    let parts = parts.filter(|(level, _)| matches!(level, HeadingLevel::H2 | HeadingLevel::H3));
    parts.map(|(level, words)| (anchor(&words), words, level == HeadingLevel::H3)).collect()
}

/// Where a link leads: another page of the manual, a part of this one; nowhere else.
fn link(to: &str) -> Option<String> {
    if let Some(part) = to.strip_prefix('#') {
        return Some(format!("#{part}"));
    }
    let (file, part) = to.split_once('#').map_or((to, ""), |(file, part)| (file, part));
    let name = file.strip_suffix(".md")?;
    let known = super::manual::PAGES.iter().any(|(page, _)| *page == name);
    known.then(|| format!("/help/{name}{}{part}", if part.is_empty() { "" } else { "#" }))
}

/// A page as HTML.
pub(super) fn html(text: &str) -> String {
    let events = events(text);
    let ours = |markup: &'static str| Event::Html(CowStr::Borrowed(markup));
    let (mut kept, mut leads) = (Vec::with_capacity(events.len()), Vec::new());
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let id = Some(anchor(&words(&events[at + 1..])).into());
                let (classes, attrs) = (Vec::new(), Vec::new());
                kept.push(Event::Start(Tag::Heading { level: *level, id, classes, attrs }));
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                let to = link(dest_url);
                leads.push(to.is_some());
                let tag = to.map(|to| Tag::Link {
                    link_type: LinkType::Inline,
                    dest_url: to.into(),
                    title: "".into(),
                    id: "".into(),
                });
                kept.extend(tag.map(Event::Start));
            }
            Event::End(TagEnd::Link) => {
                kept.extend(leads.pop().filter(|leads| *leads).map(|_| Event::End(TagEnd::Link)));
            }
            Event::Start(Tag::Table(columns)) => {
                kept.push(ours("<div class=\"scroll\" tabindex=\"0\">"));
                kept.push(Event::Start(Tag::Table(columns.clone())));
            }
            Event::End(TagEnd::Table) => {
                kept.push(Event::End(TagEnd::Table));
                kept.push(ours("</div>\n"));
            }
            Event::Start(Tag::CodeBlock(_)) => kept.push(ours("<pre tabindex=\"0\">")),
            Event::End(TagEnd::CodeBlock) => kept.push(ours("</pre>\n")),
            // What isn't ours is shown, and does nothing. Comments are for those that change the page.
            Event::Html(text) | Event::InlineHtml(text) if text.trim_start().starts_with("<!--") => {}
            Event::Html(text) | Event::InlineHtml(text) => kept.push(Event::Text(text.clone())),
            Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            event => kept.push(event.clone()),
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut out, kept.into_iter());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_block() {
        let text = "# A `page`\n\nTwo lines\nof **strong** words.\n\n- one\n  more\n- two\n\n1. first\n2. second\n\n\
                    | a | b |\n|---|---|\n| `x\\|y` | <b> |\n\n```\n<i>\n# no heading\n```\n## Its part\n[other](json.md#x) [away](https://e.example)";
        assert_eq!(
            html(text),
            "<h1 id=\"a-page\">A <code>page</code></h1>\n<p>Two lines\nof <strong>strong</strong> words.</p>\n\
             <ul>\n<li>one\nmore</li>\n<li>two</li>\n</ul>\n<ol>\n<li>first</li>\n<li>second</li>\n</ol>\n\
             <div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>\n\
             <tr><td><code>x|y</code></td><td>&lt;b&gt;</td></tr>\n</tbody></table>\n</div>\n\
             <pre tabindex=\"0\">&lt;i&gt;\n# no heading\n</pre>\n<h2 id=\"its-part\">Its part</h2>\n\
             <p><a href=\"/help/json#x\">other</a> away</p>\n"
        );
        assert_eq!(parts(text), [("its-part".to_owned(), "Its part".to_owned(), false)]);
        assert_eq!(title(text), "A page");
    }

    #[test]
    fn pictures_are_left_out_with_their_words() {
        let text = "One.\n\n![The *floor*](screenshots/floor.png)\n\nTwo ![x](y.png) three.";
        assert_eq!(html(text), "<p>One.</p>\n<p>Two  three.</p>\n");
    }

    #[test]
    fn nothing_of_a_page_becomes_html_of_its_own() {
        for bad in
            ["<script>x</script>", "[a](javascript:alert(1))", "[<b>](#\"onclick=\"x)", "`<img src=x>`"]
        {
            let html = html(bad);
            for tag in ["<script", "<img", "<b>", "javascript", "\"onclick"] {
                assert!(!html.contains(tag), "{html}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_page_without_tags_of_its_own(text in "[-#|*`\\[\\]()<>\"'& a\n.1é]{0,80}") {
            let html = html(&text);
            let known = ["p", "h1", "h2", "h3", "h4", "ul", "ol", "li", "code", "em", "br", "hr", "blockquote", "strong", "a", "pre", "div", "table", "thead", "tbody", "tr", "th", "td"];
            for tag in html.split('<').skip(1) {
                let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                prop_assert!(known.contains(&name.as_str()), "{html}");
            }
        }
    }
}
