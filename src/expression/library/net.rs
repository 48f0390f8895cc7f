//! `IPAddress` and `RandomNumberGenerator`.

use std::net::IpAddr;

use super::{Call, Row, fixed, member};
use crate::expression::{Kind, Thrown, Value, value::Inner};

const A: Kind = Kind::IpAddress;
const R: Kind = Kind::SecureRandom;

pub(super) const ROWS: &[Row] = &[
    fixed(A, "Parse(text): IPAddress", |c| {
        let text = c.text(0)?;
        parsed(&text).map(of).ok_or_else(|| Thrown::format("An invalid IP address was specified."))
    }),
    fixed(A, "TryParse(text, out): bool", |c| {
        let found = c.text_or_null(0).and_then(|text| parsed(&text));
        c.out = found.map_or(Value::Null, of);
        Ok(Value::Bool(found.is_some()))
    }),
    fixed(A, "IsLoopback(address): bool", |c| address(&c.arg(0)).map(|address| Value::Bool(address.is_loopback()))),
    fixed(A, "Loopback: IPAddress", |_| Ok(of(std::net::Ipv4Addr::LOCALHOST.into()))),
    fixed(A, "Any: IPAddress", |_| Ok(of(std::net::Ipv4Addr::UNSPECIFIED.into()))),
    member(A, "AddressFamily: AddressFamily", |c| {
        let family = if address(&c.this)?.is_ipv4() { 2 } else { 23 };
        Ok(Value::Enum(Kind::AddressFamily, family))
    }),
    member(A, "GetAddressBytes(): byte[]", |c| {
        Ok(Value::bytes(match address(&c.this)? {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }))
    }),
    member(A, "Equals(other): bool", |c| Ok(Value::Bool(c.this.to_text() == c.arg(0).to_text()))),
    member(A, "MapToIPv4(): IPAddress", |c| {
        Ok(of(match address(&c.this)? {
            IpAddr::V6(address) => address.to_ipv4().map_or(IpAddr::V6(address), IpAddr::V4),
            address @ IpAddr::V4(_) => address,
        }))
    }),
    fixed(R, "new(): RandomNumberGenerator", |_| Ok(Value::library(Inner::SecureRandom))),
    fixed(R, "Create(): RandomNumberGenerator", |_| Ok(Value::library(Inner::SecureRandom))),
    fixed(R, "GetBytes(count): byte[]", |c| {
        let count = usize::try_from(c.int(0)?).ok().filter(|count| *count <= 1 << 16);
        let count = count.ok_or_else(|| Thrown::range("at most 65536 bytes at a time"))?;
        random(c, count).map(Value::bytes)
    }),
    member(R, "GetBytes(array): void", |c| {
        let Value::List(array) = c.arg(0) else {
            return Err(Thrown::cast(c.arg(0).kind().full_name(), "System.Byte[]"));
        };
        let bytes = random(c, array.len())?;
        array.change(|items| *items = bytes.into_iter().map(|byte| Value::Int(i32::from(byte))).collect());
        Ok(Value::Null)
    }),
];

fn parsed(text: &str) -> Option<IpAddr> {
    text.trim().trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn of(address: IpAddr) -> Value {
    Value::library(Inner::Address(address))
}

fn address(value: &Value) -> Result<IpAddr, Thrown> {
    match value.inner() {
        Some(Inner::Address(address)) => Ok(*address),
        _ => Err(Thrown::null("the address")),
    }
}

/// Bytes of the host's randomness.
fn random(c: &mut Call<'_, '_>, count: usize) -> Result<Vec<u8>, Thrown> {
    c.machine.budget.grow(count)?;
    let mut bytes = vec![0; count];
    c.machine.host.random(&mut bytes);
    Ok(bytes)
}
