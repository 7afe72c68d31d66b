//! What a token with scopes has to have for a row: by the row's method and path, in this one place.

use super::row::{Access, Row};
use crate::station_api::Scope;

/// The scope of a row; `None` where nobody's role is asked for, or no token with scopes gets in.
pub(in crate::station) fn of(row: &Row) -> Option<Scope> {
    if !matches!(row.access, Access::Role(_)) {
        return None;
    }
    let part = row.path.strip_prefix("/api/v1/")?.split('/').next()?;
    let (read, write) = match part {
        "boards" | "jobs" | "places" | "scan" | "slots" | "switches" => {
            (Scope::BoardsRead, Scope::BoardsWrite)
        }
        "images" | "backups" | "uploads" => (Scope::ImagesRead, Scope::ImagesWrite),
        "runs" | "statistics" => (Scope::RunsRead, Scope::RunsWrite),
        "firmware" | "host-firmware" | "labels" | "printers" | "prints" | "projects" | "rules"
        | "scripts" | "values" => (Scope::RulesRead, Scope::RulesWrite),
        "account" | "audit" | "import" | "invitations" | "sessions" | "tokens" | "users" => {
            (Scope::PeopleRead, Scope::PeopleWrite)
        }
        "deliveries" | "events" | "hooks" | "host-hooks" | "network" | "objects" | "settings" | "station" => {
            (Scope::StationRead, Scope::StationWrite)
        }
        _ => return None,
    };
    Some(if row.method.is_get() { read } else { write })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station_api::Role;

    #[test]
    fn each_row_of_people_has_a_scope_and_what_looks_needs_the_smaller_one() {
        for row in crate::station::table().rows() {
            let scope = of(row);
            assert_eq!(scope.is_some(), matches!(row.access, Access::Role(_)), "{row:?}");
            if let Some(scope) = scope {
                assert_eq!(scope.word().ends_with("read"), row.method.is_get(), "{row:?}");
            }
        }
        let row = Row::post("/api/v1/boards/{board}/jobs", Access::Role(Role::Operator), "");
        assert_eq!(of(&row), Some(Scope::BoardsWrite));
        assert_eq!(of(&Row::get("/other", Access::Role(Role::Viewer), "")), None);
    }
}
