//! Invariants 2, 3 and 5 of ACCOUNTING: any journal, cut anywhere, shipped in any portions, any part of it any number
//! of times, gives the same database, with one row for each request and balances that are the sums of rows.

use std::{collections::BTreeMap, time::Duration};

use proptest::{prelude::*, sample::Index};

use super::{
    super::{abandoned, codec, joining::Joining, memory_ledger::Tables},
    *,
};
use crate::{journal::Record, model::clock::Ticks, store::Shipment};

/// What happens next, to one of a few requests.
#[derive(Clone, Debug)]
enum Step {
    Announce { streamed: bool, tokens: i64 },
    Reserve(Index, i64),
    Progress(Index, u64),
    End(Index, i64),
    Refuse,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (any::<bool>(), 0..2_000_i64).prop_map(|(streamed, tokens)| Step::Announce { streamed, tokens }),
        2 => (any::<Index>(), 0..4_000_i64).prop_map(|(which, tokens)| Step::Reserve(which, tokens)),
        2 => (any::<Index>(), 0..3_000_u64).prop_map(|(which, tokens)| Step::Progress(which, tokens)),
        3 => (any::<Index>(), 0..4_000_i64).prop_map(|(which, tokens)| Step::End(which, tokens)),
        1 => Just(Step::Refuse),
    ];
    proptest::collection::vec(step, 1..60)
}

/// The journal of these steps, and how many requests it tells of.
fn journal(steps: &[Step]) -> (Vec<Record>, u32) {
    let (mut entries, mut open, mut number) = (Vec::new(), Vec::new(), 0);
    for step in steps {
        let tokens = |amount| vec![charge(Measure::Requests, 1), charge(Measure::Tokens, amount)];
        match step {
            Step::Announce { streamed, tokens: amount } => {
                entries.push(Entry::Intent(intent(number, *streamed, tokens(*amount))));
                open.push(number);
                number += 1;
            }
            Step::Refuse => {
                entries.push(Entry::Refused(intent(number, false, Vec::new()), settle(number, Vec::new())));
                number += 1;
            }
            _ if open.is_empty() => {}
            Step::Reserve(which, amount) => entries.push(reserved(*which.get(&open), tokens(*amount))),
            Step::Progress(which, amount) => entries.push(progress(*which.get(&open), *amount)),
            Step::End(which, amount) => {
                let which = open.remove(which.index(open.len()));
                entries.push(Entry::Settle(settle(which, vec![1, *amount])));
            }
        }
    }
    let record = |(at, entry)| Record { sequence: at as u64 + 1, bytes: codec::encode(entry) };
    (entries.iter().enumerate().map(record).collect(), number)
}

/// One life of a process: reads what is not shipped, in portions of these sizes with seconds between them. Gives its
/// shipments; those of a life that `ends` well take the abandoned requests along.
fn live(from: &Tables, records: &[Record], portions: &[(usize, u64)], ends: bool) -> Vec<Shipment> {
    let shipped = from.shipped();
    let mut joining = Joining::new("r1".into(), shipped.position, &shipped.open).expect("readable");
    let mut rest = &records[usize::try_from(from.position).expect("short").min(records.len())..];
    let (mut now, mut shipments) = (Ticks::default(), Vec::new());
    for (size, seconds) in portions.iter().cycle() {
        let (portion, later) = rest.split_at((*size).min(rest.len()));
        joining.take_all(portion, now).expect("readable");
        now = now.plus(Duration::from_secs(*seconds));
        shipments.extend(joining.shipment(now));
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    if ends {
        joining.open().iter().for_each(|open| joining.end(abandoned::settle(open, &pricing)));
        shipments.extend(joining.shipment(now));
    }
    shipments
}

fn portions() -> impl Strategy<Value = Vec<(usize, u64)>> {
    proptest::collection::vec((1..20_usize, 0..20_u64), 1..8)
}

fn check_sums(tables: &Tables) {
    let mut sums = BTreeMap::new();
    for charge in tables.rows.values().flat_map(|row| &row.intent.charges) {
        *sums.entry((charge.account.to_string(), charge.window)).or_insert(0) += charge.amount;
    }
    assert_eq!(sums, tables.balances, "balances are sums of rows");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_way_to_the_database_leads_to_the_same(
        steps in steps(),
        cut in any::<Index>(),
        lives in proptest::collection::vec((portions(), any::<Index>(), any::<Index>()), 0..4),
        last in portions(),
    ) {
        let (records, _) = journal(&steps);
        let records = &records[..cut.index(records.len() + 1)];
        let mut reference = Tables::default();
        reference.take_each(&live(&Tables::default(), records, &[(1_000, 0)], true));

        let mut tables = Tables::default();
        let mut sent = Vec::new();
        for (portions, killed, again) in lives {
            let seen = &records[..killed.index(records.len() + 1).max(usize::try_from(tables.position).expect("short"))];
            let shipments = live(&tables, seen, &portions, false);
            let taken = killed.index(shipments.len() + 1);
            sent.extend_from_slice(&shipments[..taken]);
            tables.take_each(&shipments[..taken]);
            if !sent.is_empty() {
                tables.take(again.get(&sent));
            }
            prop_assert!(tables.position <= records.len() as u64);
        }
        tables.take_each(&live(&tables.clone(), records, &last, true));
        prop_assert_eq!(&tables, &reference);

        let told = records.iter().filter(|record| matches!(
            codec::decode(&record.bytes), Ok(Entry::Intent(_) | Entry::Refused(..)))).count();
        prop_assert_eq!(tables.rows.len(), told, "one row for each request that was announced or refused");
        prop_assert!(tables.open.is_empty());
        check_sums(&tables);
    }
}

#[test]
fn a_request_that_stays_open_does_not_hold_the_position_for_long() {
    let (records, _) = journal(&[Step::Announce { streamed: true, tokens: 10 }, Step::Refuse, Step::Refuse]);
    let mut joining = Joining::new("r1".into(), crate::store::Position::default(), &[]).expect("empty");
    joining.take_all(&records, Ticks::default()).expect("readable");
    let first = joining.shipment(Ticks::default()).expect("two rows");
    assert_eq!((first.rows.len(), first.opened.len(), first.position.sequence), (2, 0, 0));
    let later = Ticks::default().plus(Duration::from_secs(5));
    let second = joining.shipment(later).expect("the open request");
    assert_eq!((second.rows.len(), second.opened.len(), second.position.sequence), (0, 1, 3));
    assert!(joining.shipment(later).is_none(), "nothing is new");
    let end = Record { sequence: 4, bytes: codec::encode(&Entry::Settle(settle(0, vec![1, 2]))) };
    joining.take_all(&[end], later).expect("readable");
    let third = joining.shipment(later).expect("its end");
    assert_eq!((third.rows.len(), third.closed, third.position.sequence), (1, vec![id(0)], 4));
}
