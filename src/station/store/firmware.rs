//! Images of boards' EEPROMs. They are small, so the database has them: all stations on it have the same ones.

use std::io::Read as _;

use super::db::{Row, Tx, json, values};
use super::{Error, Store, check_name};
use crate::eeprom::{Image, own};
use crate::format::hex;
use crate::station_api::{EepromRun, Firmware, ProjectEeprom, Time};

/// No image is longer.
const LONGEST: u64 = 2 << 20;
/// Images compress well, whatever the level.
const LEVEL: i32 = 9;

/// The newest runs of a board.
const LAST_RUNS: &str = "SELECT id, job FROM run WHERE board = $1 ORDER BY started DESC, id DESC LIMIT 8";

/// What became of a board's EEPROM, with the run that has it on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEeprom {
    /// The run.
    pub run: String,
    /// Its job.
    pub job: Option<String>,
    /// What became of it.
    pub eeprom: EepromRun,
}

fn firmware(row: Row) -> Result<Firmware, Error> {
    let mut row = row.of("firmware");
    row.json()
}

fn no_such(name: &str) -> Error {
    Error::NoSuch { what: "firmware", name: name.to_owned() }
}

/// As it is kept.
fn packed(bytes: &[u8]) -> Result<String, Error> {
    let packed = zstd::stream::encode_all(bytes, LEVEL).map_err(|source| Error::Os {
        doing: "compressing",
        path: "an image of an EEPROM".into(),
        source,
    })?;
    Ok(hex(&packed))
}

fn unpacked(body: &str) -> Option<Vec<u8>> {
    let pairs = body.as_bytes().chunks_exact(2);
    let packed: Option<Vec<u8>> =
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    let packed = packed?;
    let mut bytes = Vec::new();
    zstd::stream::Decoder::new(&packed[..]).ok()?.take(LONGEST + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// sha256 of the image of this name.
pub(super) async fn sum(tx: &mut Tx, name: &str) -> Result<String, Error> {
    let row = tx.row("SELECT sha256 FROM firmware WHERE name = $1", values![name]).await?;
    row.ok_or_else(|| no_such(name))?.text()
}

/// Whether a project may have this.
pub(super) async fn check(tx: &mut Tx, eeprom: &ProjectEeprom) -> Result<(), Error> {
    let bad = |why: String| Err(Error::BadValue { what: "eeprom", why });
    let sql = "SELECT body FROM firmware WHERE name = $1";
    let row = tx.row(sql, values![&eeprom.firmware]).await?;
    let body = row.ok_or_else(|| no_such(&eeprom.firmware))?.text()?;
    if eeprom.set.len() > ProjectEeprom::MOST || eeprom.unset.len() > ProjectEeprom::MOST {
        return bad(format!("it sets and takes out {} settings at most", ProjectEeprom::MOST));
    }
    if let Some(key) = eeprom.unset.iter().find(|key| eeprom.set.contains_key(*key)) {
        return bad(format!("{key} is to be set and to be taken out"));
    }
    if eeprom.boot_from_target && eeprom.set.contains_key("BOOT_ORDER") {
        return bad("BOOT_ORDER is set, and is to follow the disk: one of them".to_owned());
    }
    // One that is damaged is told where it is read.
    let image = unpacked(&body).and_then(|bytes| Image::parse(bytes).ok());
    let checked = match image {
        Some(image) => own::check_on(eeprom, &image),
        None => own::check(eeprom),
    };
    checked.map_or_else(|error| bad(error.to_string()), |_| Ok(()))
}

/// The projects that have an image.
async fn users(tx: &mut Tx, name: &str) -> Result<Vec<String>, Error> {
    let mut users = Vec::new();
    for mut row in
        tx.rows("SELECT name, eeprom FROM project WHERE eeprom IS NOT NULL ORDER BY name", &[]).await?
    {
        let (project, eeprom): (String, ProjectEeprom) = (row.text()?, row.json()?);
        if eeprom.firmware == name {
            users.push(project);
        }
    }
    Ok(users)
}

impl Store {
    /// All images, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn all_firmware(&self) -> Result<Vec<Firmware>, Error> {
        let rows = self.db.rows("SELECT told FROM firmware ORDER BY name", &[]).await?;
        rows.into_iter().map(firmware).collect()
    }

    /// The image of this name.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn firmware(&self, name: &str) -> Result<Firmware, Error> {
        let row = self.db.row("SELECT told FROM firmware WHERE name = $1", values![name]).await?;
        firmware(row.ok_or_else(|| no_such(name))?)
    }

    /// The bytes of an image with this sha256.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::BadValue`] where what is kept is damaged.
    pub async fn firmware_bytes(&self, sha256: &str) -> Result<Vec<u8>, Error> {
        let sql = "SELECT body FROM firmware WHERE sha256 = $1 ORDER BY name LIMIT 1";
        let row = self.db.row(sql, values![sha256]).await?;
        let body = row.ok_or_else(|| no_such(sha256))?.text()?;
        let bytes = unpacked(&body).filter(|bytes| {
            use sha2::Digest as _;
            hex(&sha2::Sha256::digest(bytes)) == sha256
        });
        let why = || "what the database has of it isn't what was put there".to_owned();
        bytes.ok_or_else(|| Error::BadValue { what: "firmware", why: why() })
    }

    /// Keeps an image. The same under the same name is no other one; what is in one of a name never changes.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::Many`], [`Error::BadValue`].
    pub async fn add_firmware(&self, new: &Firmware, bytes: &[u8]) -> Result<Firmware, Error> {
        let body = packed(bytes)?;
        let mut tx = self.db.begin().await?;
        let row = tx.row("SELECT told FROM firmware WHERE name = $1", values![&new.name]).await?;
        if let Some(there) = row.map(firmware).transpose()? {
            if there.sha256 == new.sha256 {
                return Ok(there);
            }
            return Err(Error::Taken { what: "firmware", name: new.name.clone() });
        }
        check_name(&new.name)?;
        let count = tx.row("SELECT count(*) FROM firmware", &[]).await?;
        if count.map_or(Ok(0), |mut row| row.count())? >= Firmware::MOST {
            return Err(Error::Many { what: "firmware images", most: Firmware::MOST });
        }
        tx.run(
            "INSERT INTO firmware (name, sha256, told, body) VALUES ($1, $2, $3, $4)",
            values![&new.name, &new.sha256, json(new), body],
        )
        .await?;
        tx.commit().await?;
        Ok(new.clone())
    }

    /// Removes an image.
    ///
    /// # Errors
    /// [`Error::NoSuch`]; [`Error::InUse`] while projects have it.
    pub async fn remove_firmware(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let users = users(&mut tx, name).await?;
        if !users.is_empty() {
            let word = if users.len() == 1 { "project" } else { "projects" };
            let by = format!("{word} {}", users.join(", "));
            return Err(Error::InUse { what: "firmware", name: name.to_owned(), by });
        }
        if tx.run("DELETE FROM firmware WHERE name = $1", values![name]).await? == 0 {
            return Err(no_such(name));
        }
        tx.commit().await
    }

    /// Puts what becomes of a board's EEPROM into the record of its run.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_eeprom(&self, run: &str, eeprom: &EepromRun) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        super::runs::put_detail(&mut tx, run, "eeprom", eeprom).await?;
        tx.commit().await
    }

    /// What became of the board's EEPROM in the last run that had anything to do with it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn eeprom_last(&self, board: &str) -> Result<Option<LastEeprom>, Error> {
        let mut tx = self.db.begin().await?;
        for mut row in tx.rows(LAST_RUNS, values![board]).await? {
            let (run, job) = (row.text()?, row.maybe_text()?);
            let Some(record) = super::runs::record(&mut tx, &run).await? else { continue };
            let Some(eeprom) = EepromRun::of(&record.detail) else { continue };
            return Ok(Some(LastEeprom { run, job, eeprom }));
        }
        Ok(None)
    }

    /// A board tells its bootloader. Where its last run handed over or offered that one, it was taken: the run's name comes
    /// back.
    ///
    /// # Errors
    /// What the database says.
    pub async fn eeprom_seen(
        &self,
        board: &str,
        is: &(dyn Fn(&EepromRun) -> bool + Sync),
        now: Time,
    ) -> Result<Option<String>, Error> {
        use crate::station_api::EepromState;
        let mut tx = self.db.begin().await?;
        for mut row in tx.rows(LAST_RUNS, values![board]).await? {
            let run = row.text()?;
            let Some(record) = super::runs::record(&mut tx, &run).await? else { continue };
            let Some(mut eeprom) = EepromRun::of(&record.detail) else { continue };
            if !matches!(eeprom.state, EepromState::HandedOver | EepromState::Offered) || !is(&eeprom) {
                return Ok(None);
            }
            (eeprom.state, eeprom.seen) = (EepromState::Seen, Some(now));
            super::runs::put_detail(&mut tx, &run, "eeprom", &eeprom).await?;
            tx.commit().await?;
            return Ok(Some(run));
        }
        Ok(None)
    }
}
