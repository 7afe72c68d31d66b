//! Printers, and what was and is to be printed.

use crate::error::sentence;
use askama::Template;
use axum::http::StatusCode;

use super::Answer;
use crate::station::now;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::rules::encoded;
use crate::station::pages::table::{go, page_of};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::Refusal;
use crate::station_api::{
    CommandPrinter, FilePrinter, FtpPrinter, NewPrinter, Print, PrintState, Printer, PrinterAt, PrinterTakes,
    PrintsAsked, TcpPrinter,
};

/// A printer as a line.
struct Line {
    printer: Printer,
    path: String,
    place: String,
    takes: &'static str,
    why: String,
}

/// A label of the queue as a line.
struct Told {
    print: Print,
    made: String,
    due: String,
    why: String,
}

impl Told {
    fn is(&self, word: &str) -> bool {
        self.print.state.word() == word
    }
}

/// The form, as it stands on the page.
#[derive(Debug, Clone, Default)]
struct Fields {
    /// The printer that is changed; empty: another one is made.
    was: String,
    name: String,
    by: String,
    host: String,
    port: String,
    user: String,
    directory: String,
    ending: String,
    rename: bool,
    command: String,
    takes: String,
    password: bool,
}

#[derive(Template)]
#[template(path = "printers.html")]
struct List {
    frame: Frame,
    printers: Vec<Line>,
    queue: Vec<Told>,
    fields: Fields,
    /// Programs that the settings name.
    commands: Vec<String>,
    wrong: Option<String>,
    changes: bool,
    works: bool,
    of: String,
    state: String,
    states: Vec<(&'static str, &'static str)>,
    next: Option<String>,
    first: bool,
}

impl Fields {
    fn of_form(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            was: text("was"),
            name: text("name"),
            by: text("by"),
            host: text("host"),
            port: text("port"),
            user: text("user"),
            directory: text("directory"),
            ending: text("ending"),
            rename: form.is_on("rename"),
            command: text("command"),
            takes: text("takes"),
            password: false,
        }
    }

    fn of_printer(printer: &Printer) -> Self {
        let fields = Self {
            was: printer.name.clone(),
            name: printer.name.clone(),
            by: printer.at.word().to_owned(),
            takes: printer.takes.word().to_owned(),
            password: printer.password,
            ..Self::default()
        };
        match printer.at.clone() {
            PrinterAt::Tcp(TcpPrinter { host, port }) => Self { host, port: port.to_string(), ..fields },
            PrinterAt::Ftp(FtpPrinter { host, port, user, directory, ending, rename }) => {
                Self { host, port: port.to_string(), user, directory, ending, rename, ..fields }
            }
            PrinterAt::Command(CommandPrinter { command }) => Self { command, ..fields },
            PrinterAt::File(FilePrinter { ending }) => Self { ending, ..fields },
        }
    }

    fn printer(&self, form: &Form) -> Result<NewPrinter, Refusal> {
        let port = |usual: u16| match self.port.as_str() {
            "" => Ok(usual),
            text => text.parse().map_err(|_| Refusal::meaningless("a port is a number, 1 to 65535")),
        };
        let ending = if self.ending.is_empty() { "prn".to_owned() } else { self.ending.clone() };
        let at = match self.by.as_str() {
            "ftp" => PrinterAt::Ftp(FtpPrinter {
                host: self.host.clone(),
                port: port(21)?,
                user: self.user.clone(),
                directory: self.directory.clone(),
                ending,
                rename: self.rename,
            }),
            "command" => PrinterAt::Command(CommandPrinter { command: self.command.clone() }),
            "file" => PrinterAt::File(FilePrinter { ending }),
            _ => PrinterAt::Tcp(TcpPrinter { host: self.host.clone(), port: port(9100)? }),
        };
        // One that isn't typed again stays.
        let password = Some(form.raw("password").to_owned()).filter(|password| !password.is_empty());
        let takes = form.word::<PrinterTakes>("takes")?.unwrap_or_default();
        Ok(NewPrinter { name: self.name.clone(), at, takes, password })
    }
}

async fn show(visit: &Visit, fields: Fields, wrong: Option<Refusal>) -> Answer {
    let (store, at, query) = (visit.station.store(), now(), &visit.query);
    let some = |name: &str| Some(query.text(name).to_owned()).filter(|text| !text.is_empty());
    let state = query.word::<PrintState>("state")?;
    let asked = PrintsAsked {
        printer: some("of"),
        state,
        after: some("after"),
        limit: Some(50),
        ..PrintsAsked::default()
    };
    let queue = store.prints(&asked).await?;
    let next = queue.next.map(|next| {
        let mut to = form_urlencoded::Serializer::for_suffix("/printers?".to_owned(), 10);
        for name in ["of", "state"].into_iter().filter(|name| query.is_on(name)) {
            to.append_pair(name, query.text(name));
        }
        to.append_pair("after", &next);
        to.finish()
    });
    let printers = store.printers().await?.into_iter().map(|printer| Line {
        path: encoded(&printer.name),
        place: printer.at.words(),
        takes: printer.takes.word(),
        why: crate::format::message(&printer.why).into_owned(),
        printer,
    });
    let told = queue.items.into_iter().map(|print| Told {
        made: words::when(print.made, at),
        due: words::when(print.due, at),
        why: crate::format::message(&print.why).into_owned(),
        print,
    });
    let commands = &visit.station.options.settings.station.print_command.value;
    let frame = visit.frame("Printers", "printers").await;
    let (changes, works) = (frame.can("admin"), frame.can("operator"));
    let status = wrong.as_ref().map_or(StatusCode::OK, Refusal::status);
    let wrong = wrong.map(|refusal| {
        let hint = refusal.hint().map(|hint| sentence(&words::remedy(hint))).unwrap_or_default();
        format!("{} {hint}", sentence(&refusal.detail())).trim().to_owned()
    });
    page_of(
        status,
        &List {
            frame,
            printers: printers.collect(),
            queue: told.collect(),
            fields,
            commands: commands.iter().map(|command| command.name.clone()).collect(),
            wrong,
            changes,
            works,
            of: query.text("of").to_owned(),
            state: query.text("state").to_owned(),
            states: vec![
                ("waiting", "waiting"),
                ("printing", "being printed"),
                ("sent", "sent"),
                ("unsure", "perhaps printed"),
                ("failed", "can’t be printed"),
                ("cancelled", "not wanted any more"),
            ],
            next,
            first: asked.after.is_none(),
        },
    )
}

pub(super) async fn list(visit: Visit) -> Answer {
    let fields = match visit.query.text("change") {
        "" => Fields::default(),
        name => Fields::of_printer(&visit.station.store().printer(name).await?),
    };
    show(&visit, fields, None).await
}

pub(super) async fn add(visit: Visit, form: Form) -> Answer {
    let fields = Fields::of_form(&form);
    let made = async {
        let new = fields.printer(&form)?;
        if fields.was != new.name && visit.station.store().printer(&new.name).await.is_ok() {
            return Err(Refusal::conflict(format!("there is a printer `{}` already", new.name)));
        }
        visit.station.put_printer(&visit.who(), &new).await
    };
    match made.await {
        Ok(printer) => {
            visit.say(false, format!("The printer {} is there. A label’s page prints a test.", printer.name));
            Ok(go("/printers"))
        }
        Err(refusal) => show(&visit, fields, Some(refusal)).await,
    }
}

pub(super) async fn remove(visit: Visit, _: Form) -> Answer {
    let name = visit.part("printer");
    visit.station.remove_printer(&visit.who(), name).await?;
    visit.say(false, format!("The printer {name} is removed. What waited for it isn’t printed."));
    Ok(go("/printers"))
}

pub(super) async fn act(visit: Visit, form: Form) -> Answer {
    let (who, print) = (visit.who(), visit.part("print"));
    if visit.part("what") == "again" {
        visit.station.print_again(&who, print).await?;
    } else {
        visit.station.cancel_print(&who, print).await?;
    }
    Ok(go(if form.is_on("to") { form.text("to") } else { "/printers" }))
}
