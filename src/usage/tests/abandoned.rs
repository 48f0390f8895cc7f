//! What a request is charged that was open when its process ended.

use crate::exchange;

use super::{
    super::{
        abandoned,
        codec::{self, Open},
    },
    *,
};

#[test]
fn an_abandoned_request_is_charged_what_it_may_have_used_and_never_more_than_it_reserved() {
    use Measure::{Bytes, InputTokens, Nanos, OutputTokens, Requests, Tokens};
    let all = |tokens| vec![(Requests, 1), (Tokens, tokens), (Bytes, 500), (Nanos, 900_000_000)];
    // streamed, progress, reserved, output expected, charged, certainty
    let cases = [
        (false, None, all(1_100), Some(1_000), vec![1, 1_100, 500, 900_000_000], Certainty::Estimated),
        (true, Some(100), all(1_100), Some(612), vec![1, 712, 500, 712_000_000], Certainty::Estimated),
        (true, Some(900), all(1_100), Some(1_000), vec![1, 1_100, 500, 900_000_000], Certainty::Estimated),
        (true, None, all(300), Some(200), vec![1, 300, 500, 300_000_000], Certainty::Estimated),
        (false, None, vec![(OutputTokens, 50), (InputTokens, 120)], Some(50), vec![50, 120], Certainty::Estimated),
        (true, Some(0), vec![(OutputTokens, 50), (InputTokens, 120)], Some(50), vec![50, 100], Certainty::Estimated),
        (true, Some(5), vec![(Requests, 1)], Some(517), vec![1], Certainty::Estimated),
        (false, None, vec![(Requests, 1)], None, vec![1], Certainty::LowerBound),
        (false, None, vec![(Tokens, 0)], None, vec![0], Certainty::LowerBound),
    ];
    for (streamed, progress, reserved, output, charged, certainty) in cases {
        let charges = reserved.iter().map(|(measure, amount)| charge(*measure, *amount)).collect();
        let open = Open { intent: intent(1, streamed, charges), progress };
        let settle = abandoned::settle(&open, &pricing);
        let case = format!("{streamed} {progress:?} {reserved:?}");
        assert_eq!((settle.usage.input, settle.usage.output), (Some(100), output), "{case}");
        assert_eq!((settle.amounts, settle.certainty), (charged, certainty), "{case}");
        assert_eq!(settle.outcome, Outcome::Abandoned);
    }
}

#[test]
fn a_call_of_no_model_consumed_no_tokens() {
    let announced = Intent { model: None, ..intent(1, false, vec![charge(Measure::Requests, 1)]) };
    let settle = abandoned::settle(&Open { intent: announced, progress: None }, &pricing);
    assert_eq!((settle.usage, settle.cost, settle.amounts), (Usage::default(), None, vec![1]));
}

#[test]
fn entries_come_back_from_their_bytes() {
    let announced = intent(1, true, vec![charge(Measure::Tokens, 10)]);
    let entries = [
        Entry::Intent(announced.clone()),
        reserved(1, vec![charge(Measure::Nanos, i64::MAX)]),
        progress(1, u64::MAX),
        Entry::Settle(settle(1, vec![-1])),
        Entry::Refused(announced.clone(), settle(1, Vec::new())),
    ];
    for entry in entries {
        let bytes = codec::encode(&entry);
        assert_eq!(codec::decode(&bytes), Ok(entry));
        assert!((0..bytes.len()).all(|length| codec::decode(&bytes[..length]).is_err()), "cut short");
    }
    let open = Open { intent: announced, progress: Some(3) };
    assert_eq!(codec::decode_open(&codec::encode_open(&open)), Ok(open));
}

#[test]
fn another_version_says_what_to_do() {
    let mut bytes = codec::encode(&progress(1, 1));
    bytes[0] = 2;
    let error = codec::decode(&bytes).expect_err("another version").to_string();
    assert!(error.contains("version 2") && error.contains("start the version that wrote it once"), "{error}");
    bytes[0] = 1;
    bytes.push(0);
    assert!(codec::decode(&bytes).is_err(), "bytes left over");
}

#[test]
fn an_end_fits_its_slot() {
    let attempt = exchange::Attempt {
        backend: "a-backend-with-a-rather-long-name-somewhere".into(),
        status: Some(503),
        fault: Some("server_error".into()),
        began_nanos: u64::MAX,
        took_nanos: u64::MAX,
    };
    let long: Arc<str> = "x".repeat(60).into();
    let full = Settle {
        error: Some(long.clone()),
        model: Some(long.clone()),
        upstream_model: Some(long),
        attempts: vec![attempt; 5],
        amounts: vec![i64::MAX; 8],
        ..settle(u32::MAX, Vec::new())
    };
    let bytes = codec::encode(&Entry::Settle(full)).len() as u64 + 28;
    assert!(bytes <= crate::journal::SLOT_BYTES, "{bytes}");
}
