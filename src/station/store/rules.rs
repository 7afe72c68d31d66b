//! Rules in the store, and what they do with a board that comes.

use super::db::{Row, Tx, json, values};
use super::jobs::{self, Asked};
use super::page::{limit, page};
use super::{Error, Store, There, boards, check_name, projects};
use crate::device_api::{Action, End};
use crate::station::rules::{Turn, first, test, turn};
use crate::station_api::{
    Again, Board, BoardsAsked, Enrolment, Job, JobState, ListAsked, Matching, NewRule, Page, Rule, RuleTest,
    Time, What,
};

const RULE: &str = "SELECT name, place, matching, doing, matched, last FROM rule ORDER BY place, name";

/// People make rules; a board is held against all of them.
const MOST: usize = 500;

/// Boards that are looked at for one part of a list.
const LOOKED: u32 = 2000;
/// So many at a time.
const PART: u32 = 500;

fn rule(row: Row) -> Result<Rule, Error> {
    let mut row = row.of("rule");
    Ok(Rule {
        name: row.text()?,
        position: u32::try_from(row.count()?).unwrap_or(u32::MAX),
        matching: row.json()?,
        what: row.json()?,
        matched: row.count()?,
        last: row.maybe_number()?,
    })
}

async fn all(tx: &mut Tx) -> Result<Vec<Rule>, Error> {
    tx.rows(RULE, &[]).await?.into_iter().map(rule).collect()
}

/// Their places are 0, 1, 2, …
async fn number(tx: &mut Tx, names: &[String]) -> Result<(), Error> {
    for (place, name) in names.iter().enumerate() {
        let sql = "UPDATE rule SET place = $2 WHERE name = $1 AND place <> $2";
        tx.run(sql, values![name, place as u64]).await?;
    }
    Ok(())
}

fn tidied(matching: &Matching) -> Result<Matching, Error> {
    matching.clone().tidied().map_err(|why| Error::BadValue { what: "matching", why: why.to_string() })
}

async fn has_project(tx: &mut Tx, what: &What) -> Result<(), Error> {
    if let What::Project { project } = what
        && projects::one(tx, project).await?.is_none()
    {
        return Err(Error::NoSuch { what: "project", name: project.clone() });
    }
    Ok(())
}

/// What a rule would start, and why it can't be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// What [`Store::would_start`] has told.
    pub asked: Asked,
    /// Why.
    pub why: String,
}

/// What became of a board that came.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// It has something to do already.
    HasJob(String),
    /// Nobody has let it in.
    NotEnrolled,
    /// The station is disarmed: rules start nothing.
    Disarmed,
    /// No rule matches.
    NoRule,
    /// A rule says that it waits for a person.
    Waits {
        /// The rule.
        rule: String,
    },
    /// The same was done with it before.
    DoneBefore {
        /// The rule.
        rule: String,
    },
    /// The same was done or tried before, and a person decides.
    Asks {
        /// The rule.
        rule: String,
        /// How it ended.
        before: JobState,
    },
    /// The rule can't do what it says.
    Broken {
        /// The rule.
        rule: String,
        /// Why.
        why: String,
    },
    /// It gets this job.
    Starts(Box<Job>),
}

impl Arrival {
    /// Why nothing begins though a rule matches, in words; `None` where something does, or where the rules say so.
    #[must_use]
    pub fn but(&self) -> Option<String> {
        let words = match self {
            Self::NoRule | Self::Waits { .. } | Self::Starts(_) => return None,
            Self::HasJob(_) => "it has something to do already, and rules are asked when that is over",
            Self::NotEnrolled => "nobody has let it in, and rules give it nothing",
            Self::Disarmed => "the station is disarmed, and rules start nothing",
            Self::DoneBefore { .. } => "the same was done with it before, and it is left as it is",
            Self::Asks { before: JobState::Failed | JobState::Lost, .. } => {
                "the same has failed before, and a person decides"
            }
            Self::Asks { before: JobState::Cancelled, .. } => {
                "somebody has cancelled the same before, and a person decides"
            }
            Self::Asks { .. } => "the same was done with it before, and a person is asked",
            Self::Broken { why, .. } => return Some(format!("it can't start: {why}")),
        };
        Some(words.to_owned())
    }
}

impl Store {
    /// All rules, in their order.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rules(&self) -> Result<Vec<Rule>, Error> {
        self.db.rows(RULE, &[]).await?.into_iter().map(rule).collect()
    }

    /// Makes a rule. Without a place it is the last one.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::NoSuch`] where the project isn't there, [`Error::BadValue`].
    pub async fn add_rule(&self, new: &NewRule) -> Result<Rule, Error> {
        check_name(&new.name)?;
        let matching = tidied(&new.matching)?;
        let mut tx = self.db.begin().await?;
        has_project(&mut tx, &new.what).await?;
        let mut names: Vec<String> = all(&mut tx).await?.into_iter().map(|rule| rule.name).collect();
        if names.contains(&new.name) {
            return Err(Error::Taken { what: "rule", name: new.name.clone() });
        }
        if names.len() >= MOST {
            return Err(Error::Many { what: "rules", most: MOST as u64 });
        }
        let place = new.position.map_or(names.len(), |place| (place as usize).min(names.len()));
        tx.run(
            "INSERT INTO rule (name, place, matching, doing, matched, last) VALUES ($1, $2, $3, $4, 0, NULL)",
            values![&new.name, place as u64, json(&matching), json(&new.what)],
        )
        .await?;
        names.insert(place, new.name.clone());
        number(&mut tx, &names).await?;
        tx.commit().await?;
        Ok(Rule {
            name: new.name.clone(),
            position: u32::try_from(place).unwrap_or(u32::MAX),
            matching,
            what: new.what.clone(),
            matched: 0,
            last: None,
        })
    }

    /// Changes a rule: its name, its place, what it wants and what it does. Without a place it stays where it is. A rule
    /// that wants something else has matched nothing so far.
    ///
    /// # Errors
    /// As of [`Store::add_rule`], and [`Error::NoSuch`] where there is no such rule.
    pub async fn change_rule(&self, name: &str, new: &NewRule) -> Result<Rule, Error> {
        check_name(&new.name)?;
        let matching = tidied(&new.matching)?;
        let mut tx = self.db.begin().await?;
        let rules = all(&mut tx).await?;
        let at = rules.iter().position(|rule| rule.name == name);
        let Some((at, before)) = at.and_then(|at| Some((at, rules.get(at)?))) else {
            return Err(Error::NoSuch { what: "rule", name: name.to_owned() });
        };
        if new.name != name && rules.iter().any(|rule| rule.name == new.name) {
            return Err(Error::Taken { what: "rule", name: new.name.clone() });
        }
        has_project(&mut tx, &new.what).await?;
        let sql = "UPDATE rule SET name = $2, matching = $3, doing = $4 WHERE name = $1";
        tx.run(sql, values![name, &new.name, json(&matching), json(&new.what)]).await?;
        if before.matching != matching {
            tx.run("UPDATE rule SET matched = 0, last = NULL WHERE name = $1", values![&new.name]).await?;
            // A board of the rule as it was counts for the rule as it is, when it comes again.
            tx.run("UPDATE board SET rule = NULL, ruled_at = NULL WHERE rule = $1", values![name]).await?;
        } else if new.name != name {
            tx.run("UPDATE board SET rule = $2 WHERE rule = $1", values![name, &new.name]).await?;
        }
        let mut names: Vec<String> = rules.iter().map(|rule| rule.name.clone()).collect();
        names.remove(at);
        let place = new.position.map_or(at, |place| (place as usize).min(names.len()));
        names.insert(place, new.name.clone());
        number(&mut tx, &names).await?;
        let rules = all(&mut tx).await?;
        tx.commit().await?;
        let changed = rules.into_iter().find(|rule| rule.name == new.name);
        changed.ok_or_else(|| Error::NoSuch { what: "rule", name: new.name.clone() })
    }

    /// One rule.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn rule(&self, name: &str) -> Result<Rule, Error> {
        let found = self.rules().await?.into_iter().find(|rule| rule.name == name);
        found.ok_or_else(|| Error::NoSuch { what: "rule", name: name.to_owned() })
    }

    /// Boards that a rule would get now, the first one that came first. A bounded number of boards is looked at for a
    /// part: it may have fewer lines than are asked for, and a next part.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn boards_of_rule(&self, name: &str, asked: &ListAsked) -> Result<Page<Board>, Error> {
        let limit = limit(asked.limit)?;
        let rules = self.rules().await?;
        if !rules.iter().any(|rule| rule.name == name) {
            return Err(Error::NoSuch { what: "rule", name: name.to_owned() });
        }
        let mut boards = Vec::new();
        let mut after = asked.after.clone();
        for _ in 0..LOOKED / PART {
            let of = BoardsAsked { after: after.take(), limit: Some(PART), ..BoardsAsked::default() };
            let part = self.boards(&of, There::default()).await?;
            let fit = |board: &Board| first(&rules, board).is_some_and(|rule| rule.name == name);
            boards.extend(part.items.into_iter().filter(fit));
            after = part.next;
            if boards.len() > limit || after.is_none() {
                break;
            }
        }
        let page = page(boards, limit, |board: &Board| board.id.clone());
        Ok(Page { next: page.next.or(after), items: page.items })
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn remove_rule(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if tx.run("DELETE FROM rule WHERE name = $1", values![name]).await? == 0 {
            return Err(Error::NoSuch { what: "rule", name: name.to_owned() });
        }
        let names: Vec<String> = all(&mut tx).await?.into_iter().map(|rule| rule.name).collect();
        number(&mut tx, &names).await?;
        tx.commit().await
    }

    /// What the rules say of a board. Nothing happens, and nothing is counted.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn test_rules(&self, board: &str, unfit: Option<&Unfit>) -> Result<RuleTest, Error> {
        let known = self.board(board).await?;
        let mut told = test(&self.rules().await?, &known);
        if !self.is_armed().await? {
            told.but.extend(Arrival::Disarmed.but());
        }
        match known.enrolment {
            Enrolment::Enrolled => {}
            Enrolment::Waiting => told.but.extend(Arrival::NotEnrolled.but()),
            Enrolment::Refused => told.but.push("it is refused, and rules give it nothing".to_owned()),
        }
        told.but.extend(self.would_arrive(board, unfit).await?.but());
        Ok(told)
    }

    /// What would become of a board that comes now, if somebody had let it in and the station were armed. Nothing changes.
    ///
    /// # Errors
    /// As [`Self::arrive`].
    pub async fn would_arrive(&self, board: &str, unfit: Option<&Unfit>) -> Result<Arrival, Error> {
        let mut tx = self.db.begin().await?;
        let board = Board { enrolment: Enrolment::Enrolled, ..boards::one(&mut tx, board).await? };
        // What is done here is done by nobody: the transaction is never made last.
        arrival(&mut tx, &board, unfit, true, 0).await
    }

    /// Boards of which it is kept that their rule can't start, those first that came last.
    ///
    /// # Errors
    /// What the database says.
    pub async fn stuck_boards(&self) -> Result<Vec<String>, Error> {
        let sql = "SELECT id FROM board WHERE stuck IS NOT NULL ORDER BY last_seen DESC LIMIT 50";
        self.db.rows(sql, &[]).await?.into_iter().map(|mut row| row.text()).collect()
    }

    /// Keeps why a board's rule can't start, where that is another reason than before, or none any more. Whether it was.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_stuck(&self, board: &str, why: Option<&str>) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let sql =
            "UPDATE board SET stuck = $2 WHERE id = $1 AND stuck IS NOT NULL AND stuck <> coalesce($2, '')";
        let changed = tx.run(sql, values![board, why]).await?;
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// A board has come, and asks for work. The rules say what it gets; that a rule has matched, or that no rule has, is
    /// kept.
    ///
    /// # Errors
    /// [`Error::NoSuch`], or what the database says.
    pub async fn arrive(&self, board: &str, now: Time) -> Result<Arrival, Error> {
        self.arrive_unless(board, None, now).await
    }

    /// What a board that comes now would get by a rule, where its image is to be looked at before: it gets first-boot
    /// settings. Nothing changes. `armed`: as if the station were that.
    ///
    /// # Errors
    /// As [`Self::arrive`].
    pub async fn would_start(&self, board: &str, armed: bool) -> Result<Option<Asked>, Error> {
        let mut tx = self.db.begin().await?;
        let board = boards::one(&mut tx, board).await?;
        if board.enrolment != Enrolment::Enrolled || board.job.is_some() {
            return Ok(None);
        }
        let rules = all(&mut tx).await?;
        let Some(rule) = first(&rules, &board) else { return Ok(None) };
        let What::Project { project } = &rule.what else { return Ok(None) };
        let known = projects::one(&mut tx, project).await?;
        if known.is_none_or(|project| project.first_boot.is_empty()) {
            return Ok(None);
        }
        let armed = armed || super::settings::armed(&mut tx).await?;
        match wanted(&mut tx, rule, &board, armed).await? {
            Wanted::Job(asked) => Ok(Some(*asked)),
            Wanted::Nothing(_) => Ok(None),
        }
    }

    /// As [`Self::arrive`], where what [`Self::would_start`] has told can't be done.
    ///
    /// # Errors
    /// As [`Self::arrive`].
    pub async fn arrive_unless(
        &self,
        board: &str,
        unfit: Option<&Unfit>,
        now: Time,
    ) -> Result<Arrival, Error> {
        let mut tx = self.db.begin().await?;
        let board = boards::one(&mut tx, board).await?;
        let armed = super::settings::armed(&mut tx).await?;
        let arrival = arrival(&mut tx, &board, unfit, armed, now).await?;
        tx.commit().await?;
        Ok(arrival)
    }
}

/// What becomes of a board that comes, and what is kept of that.
async fn arrival(
    tx: &mut Tx,
    board: &Board,
    unfit: Option<&Unfit>,
    armed: bool,
    now: Time,
) -> Result<Arrival, Error> {
    if board.enrolment != Enrolment::Enrolled {
        return Ok(Arrival::NotEnrolled);
    }
    if let Some(job) = &board.job {
        return Ok(Arrival::HasJob(job.clone()));
    }
    let rules = all(tx).await?;
    let Some(rule) = first(&rules, board) else {
        let sql = "UPDATE board SET ruled_at = $2, rule = NULL, stuck = NULL WHERE id = $1";
        tx.run(sql, values![&board.id, now]).await?;
        return Ok(Arrival::NoRule);
    };
    // A board that asks every few seconds is one board: it counts once for a rule.
    let sql = "UPDATE board SET rule = $2, ruled_at = $3 WHERE id = $1 AND (rule IS NULL OR rule <> $2)";
    if tx.run(sql, values![&board.id, &rule.name, now]).await? > 0 {
        let sql = "UPDATE rule SET matched = matched + 1, last = $2 WHERE name = $1";
        tx.run(sql, values![&rule.name, now]).await?;
    }
    let name = rule.name.clone();
    let arrival = match wanted(tx, rule, board, armed).await? {
        Wanted::Nothing(arrival) => arrival,
        Wanted::Job(asked) => match unfit.filter(|unfit| unfit.asked == *asked) {
            Some(unfit) => Arrival::Broken { rule: name, why: unfit.why.clone() },
            None => start(tx, name, &asked, now).await?,
        },
    };
    // It is told where the board is looked at: nobody reads the log of a board that nothing happens to.
    let stuck = match &arrival {
        Arrival::Broken { why, .. } => Some(why.as_str()),
        _ => None,
    };
    let sql = "UPDATE board SET stuck = $2 WHERE id = $1 AND coalesce(stuck, '') <> coalesce($2, '')";
    tx.run(sql, values![&board.id, stuck]).await?;
    Ok(arrival)
}

/// What a rule has for a board.
enum Wanted {
    /// Nothing is begun.
    Nothing(Arrival),
    /// A job.
    Job(Box<Asked>),
}

async fn wanted(tx: &mut Tx, rule: &Rule, board: &Board, armed: bool) -> Result<Wanted, Error> {
    let name = rule.name.clone();
    if !armed {
        return Ok(Wanted::Nothing(Arrival::Disarmed));
    }
    let by = format!("rule {name}");
    let (again, asked) = match &rule.what {
        What::Wait => return Ok(Wanted::Nothing(Arrival::Waits { rule: name })),
        What::Backup => {
            let asked = Asked {
                board: board.id.clone(),
                project: None,
                action: Action::Backup,
                image: None,
                target: Vec::new(),
                end: End::Wait,
                by,
                plan: None,
            };
            (Again::Skip, asked)
        }
        What::Project { project } => {
            let Some(project) = projects::one(tx, project).await? else {
                let why = format!("there is no project `{project}`");
                return Ok(Wanted::Nothing(Arrival::Broken { rule: name, why }));
            };
            let image = match &project.image {
                None => None,
                Some(image) => {
                    let row = tx.row("SELECT id FROM image WHERE name = $1", values![image]).await?;
                    row.map(|mut row| row.text()).transpose()?
                }
            };
            let asked = Asked {
                board: board.id.clone(),
                project: Some(project.name),
                action: Action::Deploy,
                image,
                target: project.target,
                end: project.end,
                by,
                plan: None,
            };
            (project.again, asked)
        }
    };
    let sql = match asked.project {
        Some(_) => "SELECT state FROM job WHERE board = $1 AND project = $2 ORDER BY id DESC LIMIT 1",
        None => "SELECT state FROM job WHERE board = $1 AND action = $2 ORDER BY id DESC LIMIT 1",
    };
    let action = super::db::word(asked.action);
    let same = asked.project.clone().unwrap_or(action);
    let before: Option<JobState> =
        tx.row(sql, values![&asked.board, same]).await?.map(|mut row| row.word()).transpose()?;
    Ok(match (turn(again, before), before) {
        (Turn::Skip, _) => Wanted::Nothing(Arrival::DoneBefore { rule: name }),
        (Turn::Ask, Some(before)) => Wanted::Nothing(Arrival::Asks { rule: name, before }),
        _ => Wanted::Job(Box::new(asked)),
    })
}

/// A rule that can't do what it says leaves nothing behind: what was drawn for its board is free again.
async fn start(tx: &mut Tx, rule: String, asked: &Asked, now: Time) -> Result<Arrival, Error> {
    tx.mark("ruled").await?;
    let made = jobs::make(tx, asked, now).await;
    match tx.settle("ruled", made).await {
        Ok(job) => Ok(Arrival::Starts(Box::new(job))),
        Err(error @ (Error::BadValue { .. } | Error::NoSuch { .. } | Error::UsedUp { .. })) => {
            Ok(Arrival::Broken { rule, why: error.to_string() })
        }
        Err(error) => Err(error),
    }
}
