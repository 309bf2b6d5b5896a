//! Scores on their way to a service that comes and goes.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tickcast::profiles::{Batch, Fault, Outbox, Score, Totals};

use crate::service::{Desk, PATIENCE, answer, drip, hang_up, run, say, wait_until_gone};

fn score(client_id: u32, distance: u64) -> Score {
    Score { client_id, totals: Totals { distance, played_ms: 10 * distance, catches: 1 } }
}

/// What a service does with reports, as the page asks of it: by run and player the greater counts.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<HashMap<(String, u64), u64>>>);

impl Ledger {
    fn take(&self, body: &str) {
        let report: Value = serde_json::from_str(body).expect("a report");
        let run = report["run"].as_str().expect("a run").to_owned();
        for score in report["scores"].as_array().expect("scores") {
            let number = |key: &str| score[key].as_u64().expect("a number");
            assert_eq!((number("played_ms"), number("catches")), (10 * number("distance"), 1));
            let mut known = self.0.lock().expect("no other has panicked");
            let known = known.entry((run.clone(), number("client_id"))).or_insert(0);
            *known = number("distance").max(*known);
        }
    }

    fn of(&self, client_id: u64) -> Option<u64> {
        self.0
            .lock()
            .expect("no other has panicked")
            .get(&("000000000000002a".to_owned(), client_id))
            .copied()
    }
}

#[test]
fn scores_arrive_once_the_service_is_back_whatever_became_of_them_before() {
    let (ledger, is_up, refused) =
        (Ledger::default(), Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let (taken, up, times) = (ledger.clone(), Arc::clone(&is_up), Arc::clone(&refused));
    let desk = Desk::start(move |before, request, stream| {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/board"));
        if up.load(Ordering::Relaxed) {
            taken.take(&request.body);
            return answer(stream, 200, "thanks");
        }
        times.fetch_add(1, Ordering::Relaxed);
        match before % 3 {
            0 => answer(stream, 500, "no"),
            1 => hang_up(stream),
            // It took them and says nothing of it: they come again.
            _ => {
                taken.take(&request.body);
                hang_up(stream);
            }
        }
    });
    let (service, mut outbox, mut now) = (desk.service(PATIENCE), Outbox::new(42), Duration::ZERO);
    run(async {
        for round in 1..=60 {
            (0..5).for_each(|id| _ = outbox.put(score(id, round * 10 + u64::from(id))));
            is_up.store(round > 50, Ordering::Relaxed);
            now += Duration::from_secs(60);
            let batch = outbox.next(now).expect("somebody walked");
            match service.report(batch).await {
                Ok(()) => outbox.on_delivered(),
                Err(_) => outbox.on_failed(now, round),
            }
        }
    });
    assert_eq!((0..5).map(|id| ledger.of(id)).collect::<Vec<_>>(), (600..605).map(Some).collect::<Vec<_>>());
    assert!(outbox.is_empty() && outbox.counts().delivered == 50 && outbox.counts().lost == 0);
    assert_eq!((refused.load(Ordering::Relaxed), desk.asked()), (50, 60), "each is sent once");
}

/// What comes of a report to a service that does this.
fn reported(does: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Result<(), Fault> {
    let desk = Desk::start(move |_, _, stream| does(stream));
    let service = desk.service(Duration::from_millis(300));
    let batch = Batch { run: 42, scores: vec![score(7, 1)] };
    let reported = run(service.report(batch));
    assert_eq!((desk.asked(), service.asked().failures), (1, reported.is_err().into()));
    reported
}

#[test]
fn a_status_is_enough_whatever_comes_behind_it() {
    let heads = [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n",
        "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nno number",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    for head in heads {
        let taken = reported(move |stream| {
            say(stream, head);
            drip(stream, " ");
        });
        assert_eq!(taken, Ok(()), "{head}");
    }
    let endless = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\n\r\n");
        while say(stream, &" ".repeat(1_024)) {}
    };
    assert_eq!(reported(endless), Ok(()));
}

#[test]
fn a_report_without_a_status_that_says_so_is_not_taken() {
    assert!(matches!(reported(wait_until_gone), Err(Fault::TimedOut(_))));
    assert!(matches!(reported(|stream| drip(stream, "H")), Err(Fault::TimedOut(_))));
    assert!(matches!(reported(|stream| hang_up(stream)), Err(Fault::Broken(_))));
    for status in [400, 401, 404, 413, 500] {
        assert_eq!(reported(move |stream| answer(stream, status, "no")), Err(Fault::Status(status)));
    }
    let elsewhere = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 307 Go\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
    };
    assert_eq!(reported(elsewhere), Err(Fault::Elsewhere(307)));
    let headers = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\n");
        while say(stream, "X: y\r\n") {}
    };
    assert!(matches!(reported(headers), Err(Fault::Broken(_) | Fault::TimedOut(_))));
}

#[test]
fn one_score_that_the_service_calls_wrong_keeps_back_no_other() {
    let ledger = Ledger::default();
    let taken = ledger.clone();
    let desk = Desk::start(move |_, request, stream| {
        if request.body.contains(r#""client_id":33,"#) {
            return answer(stream, 422, "who is that?");
        }
        taken.take(&request.body);
        answer(stream, 200, "thanks");
    });
    let (service, mut outbox, mut now) = (desk.service(PATIENCE), Outbox::new(42), Duration::ZERO);
    (0..100).for_each(|id| _ = outbox.put(score(id, 5)));
    run(async {
        while let Some(batch) = outbox.next(now) {
            now += Duration::from_secs(60);
            match service.report(batch).await {
                Ok(()) => outbox.on_delivered(),
                Err(fault) if fault.is_of_content() => outbox.on_refused(now, 0),
                Err(fault) => panic!("{fault}"),
            }
            now += Duration::from_secs(60);
        }
    });
    let known = (0..100).filter(|id| ledger.of(*id) == Some(5));
    assert!(known.eq((0..100).filter(|id| *id != 33)));
    assert_eq!((outbox.counts().delivered, outbox.counts().refused, outbox.len()), (99, 1, 0));
}
