//! `Math` and `Random`.

use std::sync::Arc;

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Decimal, Object, guard},
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::Math, "Abs(number): number", abs),
    fixed(Kind::Math, "Max(left, right): number", |c| extreme(c, std::cmp::Ordering::Less)),
    fixed(Kind::Math, "Min(left, right): number", |c| extreme(c, std::cmp::Ordering::Greater)),
    fixed(Kind::Math, "Ceiling(number): number", |c| whole(c, f64::ceil)),
    fixed(Kind::Math, "Floor(number): number", |c| whole(c, f64::floor)),
    fixed(Kind::Math, "Truncate(number): number", |c| whole(c, f64::trunc)),
    fixed(Kind::Math, "Sqrt(number): double", |c| real(c, f64::sqrt)),
    fixed(Kind::Math, "Exp(number): double", |c| real(c, f64::exp)),
    fixed(Kind::Math, "Log10(number): double", |c| real(c, f64::log10)),
    fixed(Kind::Math, "Log(number, [base]): double", log),
    fixed(Kind::Math, "Pow(base, exponent): double", |c| Ok(Value::Double(c.double(0)?.powf(c.double(1)?)))),
    fixed(Kind::Math, "Round(number, [digits], [mode]): number", round),
    fixed(Kind::Math, "Sign(number): int", |c| {
        let number = c.double(0)?;
        Ok(Value::Int(i32::from(number > 0.0) - i32::from(number < 0.0)))
    }),
    fixed(Kind::Math, "Clamp(number, low, high): number", |c| {
        let (low, high) = (c.arg(1), c.arg(2));
        c.args = vec![c.arg(0), low];
        let raised = extreme(c, std::cmp::Ordering::Less)?;
        c.args = vec![raised, high];
        extreme(c, std::cmp::Ordering::Greater)
    }),
    fixed(Kind::Math, "DivRem(left, right, out): long", |c| {
        let (left, right) = (c.int(0)?, c.int(1)?);
        let divided = left.checked_div(right).zip(left.checked_rem(right));
        let (whole, rest) =
            divided.ok_or_else(|| Thrown::new("DivideByZeroException", "Attempted to divide by zero."))?;
        let is_int = matches!((c.arg(0), c.arg(1)), (Value::Int(_), Value::Int(_)));
        let sized = |value: i64| if is_int { Value::Long(value).cast(Kind::Int) } else { Ok(Value::Long(value)) };
        c.out = sized(rest)?;
        sized(whole)
    }),
    fixed(Kind::Math, "Cbrt(number): double", |c| real(c, f64::cbrt)),
    fixed(Kind::Math, "Log2(number): double", |c| real(c, f64::log2)),
    fixed(Kind::Math, "Sin(number): double", |c| real(c, f64::sin)),
    fixed(Kind::Math, "Cos(number): double", |c| real(c, f64::cos)),
    fixed(Kind::Math, "Tan(number): double", |c| real(c, f64::tan)),
    fixed(Kind::Math, "Asin(number): double", |c| real(c, f64::asin)),
    fixed(Kind::Math, "Acos(number): double", |c| real(c, f64::acos)),
    fixed(Kind::Math, "Atan(number): double", |c| real(c, f64::atan)),
    fixed(Kind::Math, "Atan2(y, x): double", |c| Ok(Value::Double(c.double(0)?.atan2(c.double(1)?)))),
    fixed(Kind::Math, "PI: double", |_| Ok(Value::Double(std::f64::consts::PI))),
    fixed(Kind::Math, "E: double", |_| Ok(Value::Double(std::f64::consts::E))),
    fixed(Kind::Random, "new([seed]): Random", random),
    member(Kind::Random, "Next([min], [max]): int", next),
    member(Kind::Random, "NextBytes(array): void", |c| {
        let Value::List(array) = c.arg(0) else {
            return Err(Thrown::cast(c.arg(0).kind().full_name(), "System.Byte[]"));
        };
        c.machine.budget.grow(array.len())?;
        let bytes: Vec<_> = (0..array.len()).map(|_| Value::Int(i32::from(draw(c).to_le_bytes()[0]))).collect();
        array.change(|items| *items = bytes);
        Ok(Value::Null)
    }),
    member(Kind::Random, "NextDouble(): double", |c| Ok(Value::Double(unit(draw(c))))),
];

fn abs(c: &mut Call<'_, '_>) -> Outcome {
    Ok(match c.arg(0) {
        Value::Int(value) => Value::Int(value.checked_abs().ok_or_else(|| Thrown::overflow("an Int32"))?),
        Value::Long(value) => Value::Long(value.checked_abs().ok_or_else(|| Thrown::overflow("an Int64"))?),
        Value::Decimal(value) if value.to_f64() < 0.0 => Value::Decimal(Arc::new(value.negated())),
        Value::Decimal(value) => Value::Decimal(value),
        _ => Value::Double(c.double(0)?.abs()),
    })
}

fn extreme(c: &mut Call<'_, '_>, worse: std::cmp::Ordering) -> Outcome {
    let (left, right) = (c.arg(0), c.arg(1));
    let chosen = if left.compare(&right) == Some(worse) { &right } else { &left };
    let kind = |value: &Value| value.kind();
    let wide = [Kind::Double, Kind::Decimal, Kind::Long]
        .into_iter()
        .find(|wide| kind(&left) == *wide || kind(&right) == *wide);
    wide.map_or_else(|| Ok(chosen.clone()), |wide| chosen.cast(wide))
}

fn real(c: &mut Call<'_, '_>, map: fn(f64) -> f64) -> Outcome {
    c.double(0).map(|value| Value::Double(map(value)))
}

/// A `decimal` stays one.
fn whole(c: &mut Call<'_, '_>, map: fn(f64) -> f64) -> Outcome {
    let Value::Decimal(value) = c.arg(0) else { return real(c, map) };
    let nearest = value.round(0, false);
    let step = Decimal::from_long(1);
    let wanted = map(value.to_f64());
    let moved = match wanted.partial_cmp(&nearest.to_f64()) {
        Some(std::cmp::Ordering::Greater) => nearest.plus(step),
        Some(std::cmp::Ordering::Less) => nearest.minus(step),
        _ => Some(nearest),
    };
    Ok(Value::Decimal(moved.unwrap_or(nearest).into()))
}

fn log(c: &mut Call<'_, '_>) -> Outcome {
    let value = c.double(0)?;
    Ok(Value::Double(if c.count() > 1 { value.log(c.double(1)?) } else { value.ln() }))
}

fn round(c: &mut Call<'_, '_>) -> Outcome {
    let away = c.args.iter().any(|arg| matches!(arg, Value::Enum(_, 1)));
    let places = match c.arg(1) {
        Value::Int(places) => u32::try_from(places)
            .ok()
            .filter(|places| *places <= 28)
            .ok_or_else(|| Thrown::range("Rounding digits must be between 0 and 15, inclusive."))?,
        _ => 0,
    };
    let value = c.arg(0);
    match (&value, value.to_decimal()) {
        (Value::Decimal(_), Some(decimal)) => Ok(Value::Decimal(Arc::new(decimal.round(places, away)))),
        (_, Some(decimal)) => Ok(Value::Double(decimal.round(places, away).to_f64())),
        _ => Ok(Value::Double(c.double(0)?)),
    }
}

fn random(c: &mut Call<'_, '_>) -> Outcome {
    #[expect(clippy::cast_sign_loss, reason = "a seed is only bits")]
    let seed = c.arg(0).as_long().map(|seed| seed as u64);
    Ok(Value::object(Object::Random(seed.into())))
}

/// 64 random bits: of the seed's sequence (SplitMix64), or of the host.
fn draw(c: &mut Call<'_, '_>) -> u64 {
    if let Value::Object(object) = &c.this
        && let Object::Random(seed) = &**object
        && let Some(state) = guard(seed).as_mut()
    {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        return mixed ^ (mixed >> 31);
    }
    let mut bytes = [0; 8];
    c.machine.host.random(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn next(c: &mut Call<'_, '_>) -> Outcome {
    let (low, high) = match c.count() {
        0 => (0, i64::from(i32::MAX)),
        1 => (0, c.int(0)?),
        _ => (c.int(0)?, c.int(1)?),
    };
    if low > high {
        return Err(Thrown::range("'minValue' cannot be greater than maxValue."));
    }
    let span = u64::try_from(high.saturating_sub(low)).unwrap_or(1).max(1);
    let at = i64::try_from(draw(c) % span).unwrap_or(0);
    Ok(Value::Int(i32::try_from(low + at).unwrap_or(i32::MAX)))
}
