//! How a server does its work: by whom it receives, and when it sends.

use std::time::Duration;

use tickcast::{Config, TickRate};

use crate::crowd::{Crowd, alone, now, server};
use crate::served::{run, text};

#[test]
fn a_receive_worker_takes_everything_in() {
    let _alone = alone();
    let server = server(Config { receive_worker: true, ..Config::default() });
    let mut crowd = Crowd::join(20, server.local_addr());
    for round in 1..=10 {
        crowd.0.iter_mut().enumerate().for_each(|(id, player)| player.move_to(id as i32, round));
        crowd.pump_ticks(2);
    }
    crowd.pump_until("all see where all stand", |crowd| {
        crowd.all(|player| (0..20).all(|id| player.sees(id) == Some((id as i32, 10))))
    });
    crowd.assert_no_snapshot_is_missing_or_double();
    crowd.0[0].socket.send(b"junk").expect("sent");
    // Twenty hellos, as many with a proof, ten moves each, and the junk; the moves are applied one by one.
    crowd.pump_until("the junk is counted", |_| server.status().traffic.received > 20 * 12);
    assert_eq!((server.status().report.totals.moves_applied, server.drops().total()), (200, 1));
    let status = server.status();
    let answers = status.traffic.sent - status.report.totals.snapshots;
    assert!(answers >= 40, "twenty welcomes, and twenty challenges that the worker sent: {answers}");
}

#[test]
fn a_slow_tick_loses_no_moves_to_a_full_queue() {
    let _alone = alone();
    for (receive_worker, send_spread) in [(true, 0), (false, 90)] {
        let tick_rate = TickRate::from_hz(2.0).expect("a rate");
        let config = Config { receive_worker, send_spread, tick_rate, max_peers: 128, ..Config::default() };
        let (peers, rounds) = (100, 120);
        assert!(peers * rounds > 2 * config.queue_places(), "more than two queues full");
        let server = server(config);
        let mut crowd = Crowd::join(peers as u32, server.local_addr());
        for x in 1..=rounds as i32 {
            crowd.0.iter_mut().for_each(|player| player.move_to(x, 0));
            let sent = now();
            // A peer may send 250 a second.
            crowd.pump_until("they may move again", |_| sent.elapsed() > Duration::from_millis(8));
        }
        let at = Some((rounds as i32, 0));
        crowd.pump_until("the last is applied", |crowd| crowd.all(|player| player.sees(0) == at));
        assert_eq!(server.drops().total(), 0, "{:?}", server.drops());
    }
}

#[test]
fn sends_are_spread_over_the_period() {
    let _alone = alone();
    let tick_rate = TickRate::from_hz(10.0).expect("a rate");
    let server = server(Config { send_spread: 90, tick_rate, ..Config::default() });
    let mut crowd = Crowd::join(300, server.local_addr());
    let mut spreads: Vec<Duration> = (0..5)
        .map(|_| {
            let newest = crowd.0.iter().filter_map(|player| player.ticks.last().copied()).max().unwrap_or(0);
            let has_next = |ticks: &[u64]| ticks.last().is_some_and(|tick| *tick > newest);
            crowd.pump_until("the first has the next", |crowd| crowd.0.iter().any(|p| has_next(&p.ticks)));
            let first = now();
            crowd.pump_until("all have it", |crowd| crowd.all(|p| has_next(&p.ticks)));
            first.elapsed()
        })
        .collect();
    spreads.sort_unstable();
    // Five batches leave 18 ms after one another. What a slow machine puts off is put off from both ends.
    assert!(spreads[2] > Duration::from_millis(45), "{spreads:?}");
    crowd.assert_no_snapshot_is_missing_or_double();
}

#[test]
fn a_server_that_has_stopped_has_let_go_of_its_port() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for again in 0..5 {
        let server = server(Config { receive_worker: true, send_spread: 90, ..Config::default() });
        let addr = server.local_addr();
        let mut crowd = Crowd::join(2, addr);
        crowd.0[0].move_to(again, 1);
        let stop = async { tokio::task::yield_now().await };
        let status = runtime.block_on(server.run_until(stop)).expect("it stops in order");
        assert!(status.traffic.received >= 4, "the worker's datagrams are counted: {status:?}");
        drop(std::net::UdpSocket::bind(addr).expect("the port is free"));
    }
}

#[test]
fn an_option_that_is_refused_is_named() {
    for (args, told) in [
        (&["--priority", "100"][..], "--priority must be 1 to 99, not 100"),
        (&["--send-spread", "91"], "--send-spread must be 0 to 90 %, not 91 %"),
        (&["--ticket-server", "arena"], "none are wanted without --ticket-key"),
        (&["--receive-worker", "--pin", "0"], "--receive-worker wants a core of its own, and --pin keeps"),
    ] {
        let output = run(&[&["serve"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
}
