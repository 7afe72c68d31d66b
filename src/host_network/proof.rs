//! What was changed is read back from the host itself: the address from the kernel, the rules from the kernel, and not from
//! what was written.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::plan::{Plan, TABLE};
use super::{Doing, Error, Site, steps};
use crate::stop::Stop;
use crate::wire::interfaces;

/// So long a network manager may take until an address is there. A bridge listens for 30 s first.
const PATIENCE: Duration = Duration::from_secs(40);

/// Something that may keep boards from what they were to have, though all stands that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt(pub String);

impl Site {
    /// Reads back what a plan has made, waiting for the address. What may be in its way is told.
    ///
    /// # Errors
    /// What isn't there.
    pub(super) fn prove(
        &self,
        plan: &Plan,
        patience: Duration,
        stop: &Stop,
        tell: &mut dyn FnMut(Doing<'_>),
    ) -> Result<Vec<Doubt>, Error> {
        if !self.is_live() {
            return Ok(Vec::new());
        }
        let missing = |what: String| Error::NotThere { what };
        let wanted = &plan.wanted;
        let began = Instant::now();
        tell(Doing::Address { interface: wanted.interface.as_str(), address: &wanted.cidr(), patience });
        while !self.has_address(plan)? {
            if began.elapsed() >= patience {
                return Err(missing(format!("{} hasn't got {}", wanted.interface, wanted.cidr())));
            }
            if stop.wait(Duration::from_millis(100)) {
                return Err(Error::Stopped);
            }
        }
        let Some(rules) = plan.rules() else { return Ok(Vec::new()) };
        tell(Doing::Rules);
        if !self.forwards() {
            return Err(missing("this host passes no packets on".to_owned()));
        }
        let listed = steps::run(&["nft", "list", "table", "inet", TABLE].map(str::to_owned), stop)?;
        let lacking = lacking(rules, &listed.text);
        if !listed.good || !lacking.is_empty() {
            let what = lacking.first().copied().unwrap_or(TABLE);
            return Err(missing(format!("the rule {what:?} isn't in the kernel")));
        }
        let chains = steps::run(&["nft", "-j", "list", "chains"].map(str::to_owned), stop)?;
        Ok(droppers(&chains.text)
            .into_iter()
            .map(|table| {
                Doubt(format!(
                    "the firewall's table {table} drops what it doesn't know: boards may not get out"
                ))
            })
            .collect())
    }

    /// As [`Self::prove`] does: for [`Site::carry_out`].
    pub(super) fn prove_patiently(
        &self,
        plan: &Plan,
        stop: &Stop,
        tell: &mut dyn FnMut(Doing<'_>),
    ) -> Result<Vec<Doubt>, Error> {
        self.prove(plan, PATIENCE, stop, tell)
    }

    /// Whether the interface is there.
    pub(super) fn has_interface(&self, plan: &Plan) -> Result<bool, Error> {
        let all = interfaces::list().map_err(Error::os("listing", "the interfaces"))?;
        Ok(all.iter().any(|one| one.name == plan.wanted.interface.as_str()))
    }

    /// Whether the address is on its interface, and stays there.
    pub(super) fn has_address(&self, plan: &Plan) -> Result<bool, Error> {
        let failed = || Error::os("listing", "the interfaces");
        let all = interfaces::list().map_err(failed())?;
        let fixed = interfaces::fixed().map_err(failed())?;
        let wanted = &plan.wanted;
        let found = all.iter().find(|one| one.name == wanted.interface.as_str());
        Ok(found.is_some_and(|one| {
            one.addresses.contains(&(wanted.address, wanted.prefix))
                && fixed.contains(&(one.index, wanted.address))
        }))
    }

    fn forwards(&self) -> bool {
        let path = self.root().at("proc/sys/net/ipv4/ip_forward");
        std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
    }

    /// Whether the table is gone.
    pub(super) fn has_rules(&self, plan: &Plan, stop: &Stop) -> Result<bool, Error> {
        if plan.rules().is_none() {
            return Ok(false);
        }
        Ok(steps::run(&["nft", "list", "table", "inet", TABLE].map(str::to_owned), stop)?.good)
    }
}

/// The rules that are written and not among those that the kernel has.
fn lacking<'a>(written: &'a str, listed: &str) -> Vec<&'a str> {
    let is_rule =
        |line: &&str| ["accept", "drop", "masquerade"].iter().any(|verdict| line.ends_with(verdict));
    let rules = written.lines().map(str::trim).filter(is_rule);
    let have: Vec<_> = listed.lines().map(str::trim).collect();
    rules.filter(|rule| !have.contains(rule)).collect()
}

/// The tables of others that let nothing through which they don't know, as `nft -j list chains` tells.
fn droppers(listed: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(listed) else { return Vec::new() };
    let all = value["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let chains = all
        .iter()
        .map(|one| &one["chain"])
        .filter(|chain| chain["hook"] == "forward" && chain["policy"] == "drop" && chain["table"] != TABLE);
    chains
        .filter_map(|chain| Some(format!("{} {}", chain["family"].as_str()?, chain["table"].as_str()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_the_kernel_doesnt_have_is_missed() {
        let written = "table inet x {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n\
            \t\tiifname \"eth1\" drop\n\t\tip saddr 10.0.0.0/24 oifname \"eth0\" masquerade\n";
        assert_eq!(lacking(written, written), Vec::<&str>::new());
        assert_eq!(
            lacking(written, "\t\tiifname \"eth1\" drop\n"),
            ["ip saddr 10.0.0.0/24 oifname \"eth0\" masquerade"]
        );
        assert_eq!(lacking(written, "").len(), 2);
    }

    #[test]
    fn a_firewall_that_drops_what_it_doesnt_know_is_named() {
        let text = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
            {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}},
            {"chain": {"family": "inet", "table": "mine", "name": "f", "hook": "forward", "policy": "accept"}},
            {"chain": {"family": "inet", "table": "mine", "name": "g"}},
            {"chain": {"family": "inet", "table": "piprov_nat", "name": "f", "hook": "forward", "policy": "drop"}}]}"#;
        assert_eq!(droppers(text), ["ip filter"]);
        for text in ["", "{}", "[]", "{\"nftables\": 3}", "{\"nftables\": [3, {\"chain\": []}]}"] {
            assert!(droppers(text).is_empty(), "{text}");
        }
    }
}
