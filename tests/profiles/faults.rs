//! One service for each thing that may be wrong: what is told of it, how often it is asked, and that it ends.

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use tickcast::profiles::{ATTEMPTS_MAX, Asked, Fault, IN_FLIGHT_MAX, Profile, Service, ServiceConfig};
use tickcast::wire::Position;

use crate::service::{Desk, PATIENCE, answer, drip, hang_up, run, say, wait_until_gone};

/// Long enough for any answer that comes at all.
const LONG: Duration = PATIENCE;
/// Short enough to wait for its end.
const SHORT: Duration = Duration::from_millis(100);

const ANNA: &str =
    r#"{"name": "Anna", "start": {"x": 3, "y": -4}, "distance": 12, "played_ms": 5, "catches": 1}"#;

/// What is told of a service that does this at every question, and how often it was asked.
fn told(timeout: Duration, does: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (Fault, usize) {
    let desk = Desk::start(move |_, _, stream| does(stream));
    let service = desk.service(timeout);
    let fault = run(service.profile(7, 1)).expect_err("there is something wrong");
    let asked = desk.asked();
    let retries = asked as u64 - 1;
    assert_eq!(service.asked(), Asked { attempts: asked as u64, retries, failures: 1 });
    (fault, asked)
}

const ALL: usize = ATTEMPTS_MAX as usize;

#[test]
fn a_profile_and_a_leaderboard_are_asked_for_side_by_side() {
    // Neither is answered before both are asked for.
    let (both, waiting) = (Mutex::new(Vec::new()), std::sync::Condvar::new());
    let desk = Desk::start(move |_, request, stream| {
        let mut asked = both.lock().expect("no other has panicked");
        asked.push(request.path.clone());
        waiting.notify_all();
        drop(waiting.wait_while(asked, |asked| asked.len() < 2).expect("no other has panicked"));
        match request.path.as_str() {
            "/players/7" => answer(stream, 200, ANNA),
            "/board" => answer(stream, 200, r#"{"entries": [{"client_id": 9, "name": "Bo", "score": 5}]}"#),
            _ => answer(stream, 404, ""),
        }
    });
    let service = desk.service(LONG);
    let (profile, board) = run(async { tokio::join!(service.profile(7, 1), service.leaderboard(2)) });
    let profile: Profile = profile.expect("a profile");
    assert_eq!((profile.client_id, profile.name.as_str()), (7, "Anna"));
    assert_eq!((profile.start, profile.totals.distance), (Some(Position { x: 3, y: -4 }), 12));
    let board = board.expect("a leaderboard");
    assert_eq!((board.entries()[0].name.as_str(), board.entries()[0].score), ("Bo", 5));
    assert!(desk.next().head.to_lowercase().contains("user-agent: tickcast/"));
    assert_eq!(service.asked(), Asked { attempts: 2, retries: 0, failures: 0 });
}

#[test]
fn whom_the_service_does_not_know_has_an_empty_profile() {
    let desk = Desk::start(|_, _, stream| answer(stream, 404, "no such player"));
    let service = desk.service(LONG);
    assert_eq!(run(service.profile(7, 1)), Ok(Profile { client_id: 7, ..Profile::default() }));
    assert_eq!(service.asked(), Asked { attempts: 1, retries: 0, failures: 0 });
    assert_eq!(run(service.leaderboard(1)), Err(Fault::Status(404)));
    assert_eq!(service.asked().failures, 1, "a leaderboard that is not there is missed");
}

#[test]
fn a_service_that_is_not_there_is_tried_some_times() {
    let gone = Desk::start(|_, _, _| {}).config(LONG);
    // A port on which nobody listens: bound, and never listened on.
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    taken
        .bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().expect("an address").into())
        .expect("a free port");
    let port = taken.local_addr().expect("bound").as_socket().expect("an address").port();
    let url = format!("http://127.0.0.1:{port}/").parse().expect("an address");
    let service = Service::new(ServiceConfig { profiles: Some(url), ..gone }).expect("asks");
    let fault = run(service.profile(7, 1)).expect_err("nobody is there");
    assert!(matches!(&fault, Fault::Unreachable(why) if why.contains("refused")), "{fault}");
    let retries = u64::from(ATTEMPTS_MAX) - 1;
    assert_eq!(service.asked(), Asked { attempts: retries + 1, retries, failures: 1 });
}

#[test]
fn a_service_that_never_answers_is_given_up() {
    assert_eq!(told(SHORT, wait_until_gone), (Fault::TimedOut(SHORT), ALL));
}

#[test]
fn an_answer_that_drips_is_given_up_wherever_it_drips() {
    assert_eq!(told(SHORT, |stream| drip(stream, "H")).1, ALL);
    let in_headers = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\nX: ");
        drip(stream, "x");
    };
    assert_eq!(told(SHORT, in_headers), (Fault::TimedOut(SHORT), ALL));
    let in_body = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{");
        drip(stream, " ");
    };
    assert_eq!(told(SHORT, in_body), (Fault::TimedOut(SHORT), ALL));
    let in_chunks = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        drip(stream, "1\r\n \r\n");
    };
    assert_eq!(told(SHORT, in_chunks), (Fault::TimedOut(SHORT), ALL));
}

#[test]
fn an_answer_without_end_is_cut_off_at_its_limit() {
    let says_so = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
        wait_until_gone(stream);
    };
    assert_eq!(told(LONG, says_so), (Fault::TooLong, 1));
    let in_chunks = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while say(stream, &format!("400\r\n{}\r\n", " ".repeat(1_024))) {}
    };
    assert_eq!(told(LONG, in_chunks), (Fault::TooLong, 1));
    let until_the_end = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\n\r\n");
        while say(stream, &" ".repeat(1_024)) {}
    };
    assert_eq!(told(LONG, until_the_end), (Fault::TooLong, 1));
}

#[test]
fn headers_without_end_are_refused() {
    let many = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\n");
        while say(stream, "X: y\r\n") {}
    };
    let (fault, asked) = told(LONG, many);
    assert!(matches!(fault, Fault::Broken(_)) && asked == ALL, "{fault} after {asked}");
    let long = |stream: &mut TcpStream| {
        say(stream, "HTTP/1.1 200 OK\r\nX: ");
        while say(stream, &"y".repeat(1_024)) {}
    };
    let (fault, asked) = told(LONG, long);
    assert!(matches!(fault, Fault::Broken(_)) && asked == ALL, "{fault} after {asked}");
}

#[test]
fn what_is_no_profile_is_refused_at_once() {
    let wrong = [
        "",
        "hello",
        "{",
        "[]",
        r#"{"name": 5}"#,
        r#"{"distance": "far"}"#,
        r#"{"start": [1]}"#,
        r#"{"start": [1, 2]}"#,
        "<html>",
    ];
    for body in wrong {
        let (fault, asked) = told(LONG, move |stream| answer(stream, 200, body));
        assert!(matches!(fault, Fault::Malformed(_)) && asked == 1, "{body}: {fault} after {asked}");
    }
    let nested = "[".repeat(60_000);
    let (fault, _) = told(LONG, move |stream| answer(stream, 200, &format!("{{\"x\": {nested}")));
    assert!(matches!(fault, Fault::Malformed(_)), "{fault}");
}

#[test]
fn what_may_pass_is_tried_again_and_the_rest_is_not() {
    for (status, times) in [(500, ALL), (503, ALL), (429, ALL), (400, 1), (403, 1), (418, 1)] {
        let told = told(LONG, move |stream| answer(stream, status, "no"));
        assert_eq!(told, (Fault::Status(status), times));
    }
}

#[test]
fn nobody_goes_where_a_service_sends_to() {
    let elsewhere = Desk::start(|_, _, stream| answer(stream, 200, ANNA));
    for status in [301, 302, 303, 307, 308] {
        let addr = elsewhere.addr;
        let told = told(LONG, move |stream| {
            say(
                stream,
                &format!("HTTP/1.1 {status} Go\r\nLocation: http://{addr}/\r\nContent-Length: 0\r\n\r\n"),
            );
        });
        assert_eq!(told, (Fault::Elsewhere(status), 1));
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let texts = [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"name\": \"A\"}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
    ];
    for text in texts {
        let (fault, asked) = told(LONG, move |stream| {
            say(stream, text);
            hang_up(stream);
        });
        assert!(matches!(fault, Fault::Broken(_)) && asked == ALL, "{text}: {fault} after {asked}");
    }
}

#[test]
fn an_answer_longer_than_it_says_is_read_as_far_as_it_says() {
    // What stands behind it is no answer to the next question either.
    let desk = Desk::start(|before, _, stream| {
        let more =
            if before == 0 { "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"name\": \"X\"}" } else { "" };
        say(stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ANNA}{more}", ANNA.len()));
    });
    let service = desk.service(LONG);
    run(async {
        for _ in 0..3 {
            assert_eq!(service.profile(7, 1).await.map(|anna| anna.name.to_string()), Ok("Anna".to_owned()));
        }
    });
    let (fault, _) = told(LONG, |stream| {
        say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"name\": \"Anna\"}");
        hang_up(stream);
    });
    assert!(matches!(fault, Fault::Malformed(_)), "{fault}");
}

#[test]
fn who_recovers_in_time_is_believed() {
    let desk = Desk::start(|before, _, stream| match before {
        0 => hang_up(stream),
        1 => answer(stream, 503, "later"),
        _ => answer(stream, 200, ANNA),
    });
    let service = desk.service(LONG);
    assert_eq!(run(service.profile(7, 1)).map(|anna| anna.totals.distance), Ok(12));
    assert_eq!(service.asked(), Asked { attempts: 3, retries: 2, failures: 0 });
}

#[test]
fn only_so_many_are_on_their_way_and_the_others_have_their_turn() {
    let (let_go, may_go) = channel::<()>();
    let may_go = Mutex::new(may_go);
    let desk = Desk::start(move |_, _, stream| {
        let _one_at_a_time = may_go.lock().expect("no other has panicked").recv();
        answer(stream, 200, "{}");
    });
    let service = desk.service(LONG);
    let players = IN_FLIGHT_MAX as u32 + 5;
    run(async {
        let asking: Vec<_> = (0..players).map(|id| tokio::spawn(service.profile(id, 1))).collect();
        while service.asked().attempts < IN_FLIGHT_MAX as u64 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(service.asked().attempts, IN_FLIGHT_MAX as u64, "the others wait");
        drop(let_go);
        for asked in asking {
            assert!(asked.await.expect("it ends").is_ok());
        }
    });
    assert_eq!((service.asked().attempts, desk.asked()), (players.into(), players as usize));
}

#[test]
fn a_question_that_nobody_waits_for_any_more_gives_up_its_turn() {
    let desk = Desk::start(|_, request, stream| match request.path.as_str() {
        "/players/99" => answer(stream, 200, ANNA),
        _ => wait_until_gone(stream),
    });
    let service = desk.service(LONG);
    run(async {
        let asking: Vec<_> =
            (0..IN_FLIGHT_MAX as u32).map(|id| tokio::spawn(service.profile(id, 1))).collect();
        while service.asked().attempts < IN_FLIGHT_MAX as u64 {
            tokio::task::yield_now().await;
        }
        asking.iter().for_each(tokio::task::JoinHandle::abort);
        assert!(service.profile(99, 1).await.is_ok());
    });
}

#[test]
fn a_name_and_a_password_are_sent_and_never_told() {
    let desk = Desk::start(|_, _, stream| answer(stream, 200, "{}"));
    let url = format!("http://anna:hush@{}/p", desk.addr).parse().expect("an address");
    let config = ServiceConfig { profiles: Some(url), ..desk.config(LONG) };
    let service = Service::new(config).expect("it can be asked");
    run(service.profile(7, 1)).expect("a profile");
    assert!(desk.next().head.to_lowercase().contains("authorization: basic yw5uytpodxno"));
    assert!(!format!("{service:?}").contains("hush"));
}

#[test]
fn only_what_is_as_the_page_says_goes_to_the_service() {
    let desk = Desk::start(|_, _, stream| answer(stream, 200, "{}"));
    run(desk.service(LONG).profile(7, 1)).expect("a profile");
    let head = desk.next().head.to_lowercase();
    assert!(head.contains("accept: application/json") && !head.contains("accept-encoding"), "{head}");
}

#[test]
fn without_a_service_there_is_nothing_to_ask() {
    let service = Service::new(Default::default()).expect("nobody is asked");
    assert_eq!(run(service.profile(7, 1)), Err(Fault::NoService));
}
