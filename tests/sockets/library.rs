//! The library's face: a socket and a shutdown of the caller's, a look while it runs.

use std::net::UdpSocket;

use tickcast::client::Phase;
use tickcast::gate::DropReason;
use tickcast::wire::ClosedReason;
use tickcast::{Config, ServeError, TickServer};
use tokio::sync::oneshot;

use crate::crowd::{Crowd, alone, now};

#[test]
fn a_server_on_the_callers_socket_is_looked_at_and_stopped_by_the_caller() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let server = TickServer::start(socket, Config::default()).expect("the server starts");
    let mut crowd = Crowd::join(2, server.local_addr());
    crowd.0[1].move_to(7, 8);
    crowd.pump_until("it stands there", |crowd| crowd.0[0].sees(1) == Some((7, 8)));
    crowd.0[0].socket.send(b"junk").expect("sent");
    let mut watch = server.watch();
    runtime.block_on(async {
        let before = server.positions().await.expect("the server runs");
        assert_eq!(before.players.iter().map(|p| (p.client_id, p.at.x)).collect::<Vec<_>>(), [(1, 7)]);
        watch.wait_for(|status| status.report.tick.0 > before.tick.0 + 1).await.expect("the server runs");
    });
    assert_eq!(server.status().report.peers, 2);
    assert_eq!(server.drops().of(DropReason::Length), 1);

    let (stop, stopped) = oneshot::channel::<()>();
    let serving = runtime.spawn(server.run_until(async {
        let _ = stopped.await;
    }));
    stop.send(()).expect("the server waits for it");
    let began = now();
    let status = runtime.block_on(serving).expect("no panic").expect("stops in order");
    assert!(began.elapsed().as_secs() < 5, "it stops at once");
    assert_eq!(status.report.totals.joined, 2);
    let closed = Phase::Closed(ClosedReason::ShuttingDown);
    crowd.pump_until("all are told", |crowd| crowd.all(|p| p.client.phase() == closed));
}

#[test]
fn an_open_server_listens_on_loopback_alone() {
    let config = Config { open: true, ..Config::default() };
    let error = TickServer::bind("0.0.0.0:0".parse().expect("an address"), config).expect_err("refused");
    assert!(matches!(error, ServeError::Config(_)));
    assert!(error.to_string().contains("--open") && error.to_string().contains("0.0.0.0"), "{error}");
}
