//! Many boards at once, and what the station's share costs beside a server of files.

use std::path::PathBuf;
use std::time::Instant;

use crate::common::station::Process;
use crate::common::{GOALS, goal, processors, shell};
use crate::ground::Ground;

/// Of what the processors give, so much goes into the boards.
const SHARE: f64 = 0.9;
/// Processor time of the station beside nginx's.
const BESIDE: f64 = 1.5;

fn serial(n: usize) -> String {
    format!("20000000000000{n:02}")
}

struct Boards<'a> {
    ground: &'a Ground,
    agents: Vec<Process>,
    disks: Vec<PathBuf>,
}

/// What a deploy took.
struct Took {
    seconds: f64,
    station: f64,
    agents: f64,
    sent: f64,
}

impl Boards<'_> {
    fn deploy(&self, count: usize) -> Took {
        for disk in &self.disks {
            let len = std::fs::metadata(disk).unwrap().len();
            let file = std::fs::File::options().write(true).open(disk).unwrap();
            file.set_len(0).unwrap();
            file.set_len(len).unwrap();
        }
        let serials: Vec<_> = (0..count).map(serial).collect();
        let mut args = vec!["board", "deploy", "--image", "os", "--end", "wait", "--confirm"];
        let all = serials.join(",");
        args.push(&all);
        args.extend(serials.iter().map(String::as_str));
        let cpu = || (self.ground.station.process.cpu(), self.agents.iter().map(Process::cpu).sum::<f64>());
        let (sent, before, began) = (self.ground.sent(), cpu(), Instant::now());
        self.ground.station.run(&args);
        let (seconds, after) = (began.elapsed().as_secs_f64(), cpu());
        for disk in &self.disks[..count] {
            self.ground.same("image", &disk.display().to_string());
        }
        Took {
            seconds,
            station: after.0 - before.0,
            agents: after.1 - before.1,
            sent: self.ground.sent() - sent,
        }
    }
}

pub(crate) fn run(ground: &Ground, count: usize) -> String {
    let disks: Vec<_> = (0..count).map(|n| ground.disk(&format!("disk-{n}"))).collect();
    let agents = disks.iter().enumerate().map(|(n, disk)| ground.station.board(&serial(n), disk)).collect();
    let boards = Boards { ground, agents, disks };
    ground.station.knows(count + 1);
    let one = (0..3).map(|_| boards.deploy(1)).min_by(|a, b| a.cpu().total_cmp(&b.cpu())).unwrap();
    let many = boards.deploy(count);
    let (ours, nginx) = (many.station / many.sent, nginx(ground, count));
    let gib = f64::from(1 << 30);
    let bytes = ground.len as f64 * count as f64 / f64::from(1 << 20);
    // If nobody waited for anybody, the processors would be busy all the time with what one board costs.
    let ideal = one.cpu() * count as f64 / processors() as f64;
    let mut table = String::from(
        "\n### Boards at once\n\nEach has a file in memory as its disk. What the processors give: the processor time of \
         one deploy, of agent and station together, on all of them.\n\n\
         | boards | seconds | raw MiB/s | processor time, agents | station | station's per GiB sent |\n|---:|---:|---:|---:|---:|---:|\n",
    );
    for (boards, took) in [(1, &one), (count, &many)] {
        table += &format!(
            "| {boards} | {:.2} | {:.0} | {:.2} s | {:.2} s | {:.2} s |\n",
            took.seconds,
            bytes * boards as f64 / count as f64 / took.seconds,
            took.agents,
            took.station,
            took.station / took.sent * gib
        );
    }
    table += &format!(
        "\nnginx serves the same objects to as many `curl` at {:.2} s of processor time per GiB.\n",
        nginx * gib
    );
    table += GOALS;
    let share = ideal / many.seconds;
    goal(
        &mut table,
        &format!("{count} boards at once, beside what the processors give"),
        "at least 0.9",
        // What else the machine did counts against the first and not against the second.
        &format!("{share:.2}; by processor time {:.2}", one.cpu() * count as f64 / many.cpu()),
        share >= SHARE,
    );
    let beside = ours / nginx;
    goal(
        &mut table,
        "station's processor time per GiB beside nginx's",
        "at most 1.5",
        &format!("{beside:.2}"),
        beside <= BESIDE,
    );
    let most = boards.agents.iter().map(|agent| agent.memory().1).fold(0.0, f64::max);
    table += &format!(
        "\nMemory at most: an agent {most:.0} MiB, the station {:.0} MiB.\n",
        ground.station.process.memory().1
    );
    table
}

impl Took {
    fn cpu(&self) -> f64 {
        self.agents + self.station
    }
}

/// Processor time of nginx for a byte.
fn nginx(ground: &Ground, count: usize) -> f64 {
    let line = format!(
        "find state -path '*chunks*' -type f | sed 's|.*|url = \"{}/&\"\\noutput = /dev/null|' >urls
         for n in $(seq {count}); do curl -sS -K urls & done; wait",
        ground.web
    );
    let before = ground.nginx.cpu();
    shell(&ground.dir, &line);
    let took = ground.nginx.cpu() - before;
    let listed = std::process::Command::new("bash")
        .args([
            "-c",
            "find state -path '*chunks*' -type f -printf '%s\\n' | awk '{ n += $1 } END { print n }'",
        ])
        .current_dir(&ground.dir)
        .output()
        .unwrap();
    let bytes: f64 = String::from_utf8(listed.stdout).unwrap().trim().parse().unwrap();
    took / (bytes * count as f64)
}
