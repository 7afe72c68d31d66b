//! The same for several boards: one that can't have it keeps no other from it.

use std::sync::Arc;

use crate::station::Station;
use crate::station::web::{Refusal, Who};
use crate::station_api::{BoardChange, Job, MOST_BOARDS, NewJob, OfBoard};

/// What became of it for one board, as it is told.
pub(in crate::station) fn told(name: String, done: Result<Option<Job>, Refusal>, status: u16) -> OfBoard {
    match done {
        Ok(job) => OfBoard { board: name, status, job, detail: None },
        Err(refusal) => OfBoard {
            board: name,
            status: refusal.status().as_u16(),
            job: None,
            detail: Some(refusal.detail()),
        },
    }
}

impl Station {
    /// The ids of boards that are named, each once, with the name that it was given first.
    ///
    /// # Errors
    /// Too many of them. One that isn't known has its own answer.
    pub(in crate::station) async fn named_boards<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<(String, Result<String, Refusal>)>, Refusal> {
        let mut found: Vec<(String, Result<String, Refusal>)> = Vec::new();
        for (n, name) in names.enumerate() {
            if n >= MOST_BOARDS {
                return Err(Refusal::meaningless(format!("{MOST_BOARDS} boards at most are done at once")));
            }
            match self.store().find_board(name).await {
                Ok(id) if found.iter().any(|(_, known)| known.as_ref().is_ok_and(|known| *known == id)) => {}
                Ok(id) => found.push((name.to_owned(), Ok(id))),
                Err(error) => found.push((name.to_owned(), Err(error.into()))),
            }
        }
        Ok(found)
    }

    /// Gives each of them the same to do.
    pub(in crate::station) async fn give_jobs(
        self: &Arc<Self>,
        who: &Who,
        boards: Vec<(String, Result<String, Refusal>)>,
        new: &NewJob,
    ) -> Vec<OfBoard> {
        let mut items = Vec::with_capacity(boards.len());
        for (name, board) in boards {
            let done = match board {
                Ok(id) => self.give_job(who, id, new.clone()).await.map(Some),
                Err(refusal) => Err(refusal),
            };
            items.push(told(name, done, 201));
        }
        items
    }

    /// Changes the same of each.
    pub(in crate::station) async fn change_boards(
        &self,
        who: &Who,
        boards: Vec<(String, Result<String, Refusal>)>,
        change: &BoardChange,
    ) -> Vec<OfBoard> {
        let mut items = Vec::with_capacity(boards.len());
        for (name, board) in boards {
            let done = match board {
                Ok(id) => self.change_board(who, &id, change).await.map(|_| None),
                Err(refusal) => Err(refusal),
            };
            items.push(told(name, done, 200));
        }
        items
    }

    /// Ends what each of them is doing, or is to do. One that has nothing to do needs no ending.
    pub(in crate::station) async fn cancel_boards(
        &self,
        who: &Who,
        boards: Vec<(String, Result<String, Refusal>)>,
    ) -> Vec<OfBoard> {
        let mut items = Vec::with_capacity(boards.len());
        for (name, board) in boards {
            let done = match board {
                Ok(id) => self.cancel_board(who, &id).await,
                Err(refusal) => Err(refusal),
            };
            items.push(told(name, done, 200));
        }
        items
    }

    async fn cancel_board(&self, who: &Who, id: &str) -> Result<Option<Job>, Refusal> {
        match self.store().board(id).await?.job {
            Some(job) => Ok(Some(self.cancel_job(who, &job).await?)),
            None => Ok(None),
        }
    }
}
