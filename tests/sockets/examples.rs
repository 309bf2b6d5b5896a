//! The games of the examples, as `cargo run --example` starts them: they serve, and answer.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tickcast::client::Phase;
use tickcast::wire::ClosedReason;

use crate::crowd::{Crowd, alone};

/// An example on a free port; it ends with the test.
struct Example {
    process: Child,
    /// Held open: it prints while it serves.
    out: BufReader<std::process::ChildStdout>,
}

impl Example {
    fn start(name: &str) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_tickcast")).with_file_name("examples").join(name);
        let mut process = Command::new(program)
            .arg("127.0.0.1:0")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`cargo test` builds the examples; where this test runs alone: `cargo build --examples`");
        let out = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, out }
    }

    /// Somebody who plays there.
    fn join(&mut self) -> Crowd {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("it can be read");
        let addr = line.strip_prefix("listening on ").and_then(|rest| rest.split(';').next());
        Crowd::join(1, addr.expect("it says where").parse().expect("an address"))
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_gone = self.process.wait();
    }
}

#[test]
fn the_game_hook_by_hook_has_a_wolf_and_players_in_a_ring() {
    let _alone = alone();
    let mut example = Example::start("rules");
    let mut crowd = example.join();
    crowd.pump_until("it stands where the game has put it", |crowd| crowd.0[0].sees(0).is_some());
    crowd.pump_until("there is a wolf", |crowd| crowd.0[0].client.world().players().count() == 2);
    let out = Phase::Closed(ClosedReason::Removed(1));
    crowd.pump_until("it stands still until it is out", |crowd| crowd.all(|p| p.client.phase() == out));
}

#[test]
fn the_game_on_top_of_the_standard_one_throws_out_whom_an_operator_names() {
    let _alone = alone();
    let mut example = Example::start("embed");
    let mut crowd = example.join();
    crowd.pump_until("it stands at a spawn, among enemies", |crowd| {
        crowd.0[0].sees(0).is_some() && crowd.0[0].client.world().players().count() > 1
    });
    let typed = example.process.stdin.as_mut().expect("piped");
    typed.write_all(b"kick 0\n").expect("it reads");
    let kicked = Phase::Closed(ClosedReason::Removed(1));
    crowd.pump_until("it is told why", |crowd| crowd.all(|p| p.client.phase() == kicked));
}
