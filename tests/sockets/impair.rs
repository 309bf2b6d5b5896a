//! A bad network between the bots and the server.

use serde_json::Value;

use crate::crowd::{Crowd, beside};
use crate::served::{Served, run, text};

#[test]
fn bots_play_over_a_bad_network() {
    let _beside = beside();
    let server = Served::start(&["--checksums"]);
    let bad = ["--loss", "0.1", "--burst", "3", "--delay", "20ms", "--jitter", "9ms", "--reorder", "0.02"];
    let to = ["impair", "--listen", "127.0.0.1:0", "--to", &server.addr, "--duplicate", "0.02", "--json"];
    let relay = Served::start_as(&[&to[..], &bad].concat(), &[]);
    let line = ["bots", "--server", &relay.addr, "--clients", "30", "--duration", "2s", "--warmup", "1s"];
    let output = run(&[&line[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().expect("a line").to_owned();
    let report: Value = serde_json::from_str(&last).expect("one object");
    let number = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{key} in {last}"));
    assert_eq!((number("joined"), number("decode_errors"), number("desyncs")), (30, 0, 0));
    assert_eq!(number("players_seen_min"), 30, "everyone is known to everyone all the same");
    assert!(number("checksums_compared") > 0 && number("moves_applied") < number("moves_sent"), "{last}");
    let (received, expected) = (number("snapshots_received"), number("snapshots_expected"));
    let relayed = relay.ended();
    // How many more than the relay lost is for the machine to say.
    assert!((1..expected * 49 / 50).contains(&received), "{received} of {expected}");
    assert_eq!((&relayed["clients"], &relayed["refused"]), (&Value::from(30), &Value::from(0)));
    for way in ["up", "down"] {
        let count = |key: &str| relayed[way][key].as_u64().expect("a number") as f64;
        let share = |key: &str| count(key) / count("sent");
        assert!((0.06..0.14).contains(&share("lost")), "{relayed}");
        assert!((0.01..0.03).contains(&share("duplicated")), "{relayed}");
        assert!((0.01..0.03).contains(&share("reordered")), "{relayed}");
    }
}

#[test]
fn a_relay_has_a_place_for_so_many_clients_alone() {
    let _beside = beside();
    let server = Served::start(&[]);
    let to = ["impair", "--listen", "127.0.0.1:0", "--to", &server.addr, "--clients-max", "2", "--json"];
    let relay = Served::start_as(&to, &[]);
    let addr = relay.addr.parse().expect("an address");
    let mut crowd = Crowd::join(2, addr);
    crowd.0[0].move_to(3, 4);
    crowd.pump_until("the other sees it", |crowd| crowd.0[1].sees(0) == Some((3, 4)));
    crowd.assert_no_snapshot_is_missing_or_double();
    let third = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    third.send_to(b"junk", addr).expect("sent");
    crowd.pump_ticks(5);
    let relayed = relay.ended();
    assert_eq!((&relayed["clients"], &relayed["refused"]), (&Value::from(2), &Value::from(1)));
}

#[test]
fn a_network_that_cannot_be_is_refused_by_name() {
    for (args, told) in [
        (["--loss", "1.1"], "--loss is a share from 0 to 1, not 1.1"),
        (["--burst", "0"], "--burst is a mean number of datagrams"),
        (["--delay", "61s"], "--delay is a minute at the most"),
        (["--rate", "9"], "--rate is 1000 to 100000000000 bits a second, not 9"),
        (["--to", "[::1]:9"], "of different families"),
    ] {
        let output = run(&[&["impair", "--listen", "127.0.0.1:0"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
}
