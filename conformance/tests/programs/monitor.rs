//! `papo monitor` against a relay that answers as quickly as a test wants. Section C of the old systems' formats.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{BOUND, process::Process, programs, recording::replay};

/// What a relay does with the next question.
pub(crate) enum Answer {
    /// It answers after so long.
    After(Duration),
    /// It answers at once, and twice.
    Twice,
    /// It says nothing.
    Never,
}

/// A relay that does as it is told, one question after another; then it says nothing more.
pub(crate) fn relay() -> (SocketAddr, Sender<Answer>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    let (answers, next) = channel();
    thread::spawn(move || {
        for answer in next {
            let mut question = [0; 64];
            let Ok((count, from)) = socket.recv_from(&mut question) else { return };
            assert_eq!(&question[..count], b"ping");
            let times = match answer {
                Answer::After(time) => {
                    thread::sleep(time);
                    1
                }
                Answer::Twice => 2,
                Answer::Never => 0,
            };
            for _ in 0..times {
                socket.send_to(b"ping", from).expect("it goes");
            }
        }
    });
    (address, answers)
}

pub(crate) fn monitor(target: SocketAddr, arguments: &[&str]) -> Process {
    let mut command = programs::papo();
    command.args(["monitor", &target.to_string()]).args(arguments);
    Process::start(&mut command)
}

/// The next measurement, of a script.
#[track_caller]
fn measurement(monitor: &Process, number: usize) -> Value {
    let line = monitor.stdout.wait(BOUND, |lines| lines.get(number).cloned());
    let line = line.unwrap_or_else(|| panic!("no measurement came\n{}", monitor.story()));
    serde_json::from_str(&line).expect("an object")
}

#[test]
fn each_status_is_told_by_its_threshold_and_silence_is_inactive() {
    let (target, answers) = relay();
    let place = tempfile::tempdir().expect("a directory");
    let record = place.path().join("monitor.jsonl");
    let path = record.to_string_lossy().into_owned();
    // Late answers of one measurement come while the next one asks.
    let arguments = ["--interval", "0.7", "--timeout", "0.6", "--count", "5", "--json", "--record", &path];
    let milliseconds = [(0_u32, "normal"), (150, "slow"), (350, "very_slow")];
    for (ms, _) in milliseconds {
        answers.send(Answer::After(Duration::from_millis(ms.into()))).expect("it waits");
    }
    answers.send(Answer::Never).expect("it waits");
    answers.send(Answer::Twice).expect("it waits");
    let mut monitor = monitor(target, &arguments);
    for (number, (least, status)) in milliseconds.into_iter().enumerate() {
        let measured = measurement(&monitor, number);
        assert_eq!(
            (measured["event"].as_str(), measured["target"].as_str()),
            (Some("latency"), Some(&*target.to_string()))
        );
        let ms = measured["ms"].as_f64().expect("it was answered");
        // A loaded host answers later, and then it is slower.
        assert!(ms >= f64::from(least), "{measured}");
        let expected = if ms < 100.0 {
            "normal"
        } else if ms < 300.0 {
            "slow"
        } else {
            "very_slow"
        };
        assert_eq!(measured["status"].as_str(), Some(expected), "{status} was meant: {measured}");
    }
    let silent = measurement(&monitor, 3);
    assert_eq!((silent["status"].as_str(), &silent["ms"]), (Some("inactive"), &Value::Null));
    assert!(measurement(&monitor, 4)["ms"].is_number());
    assert_eq!(monitor.wait_code(), 0);
    let (code, printed) = replay(&record);
    assert_eq!(code, 0, "{printed}");
}

#[test]
fn in_a_pipe_each_measurement_is_a_line_and_whoever_answers_late_or_twice_answers_only_once() {
    let (target, answers) = relay();
    // The answer to the first question comes after its time, while the second question waits for its own.
    answers.send(Answer::After(Duration::from_millis(300))).expect("it waits");
    answers.send(Answer::Never).expect("it waits");
    let mut monitor = monitor(target, &["--interval", "0.2", "--timeout", "0.2", "--count", "2"]);
    assert_eq!(monitor.wait_code(), 4, "nothing was answered in time");
    let lines = monitor.stdout.with(|lines| lines.to_vec());
    assert_eq!(lines, ["connection inactive", "connection inactive"]);
}

#[test]
fn a_signal_ends_it_in_order_and_wrong_arguments_at_once() {
    let (target, answers) = relay();
    answers.send(Answer::Twice).expect("it waits");
    let mut endless = monitor(target, &["--interval", "60"]);
    endless.wait_stdout("a measurement", |line| line.starts_with("connection "));
    endless.signal(Signal::SIGINT);
    assert_eq!(endless.wait_code(), 130);
    for wrong in [&["--interval", "0"][..], &["--normal", "400", "--slow", "300"], &["--count", "0"], &["another"]] {
        assert_eq!(monitor(target, wrong).wait_code(), 2, "{wrong:?}");
    }
}
