//! Decimal numbers of a fixed number of places, as Arrow's `Decimal128` and SQL's `DECIMAL(P, S)`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::Sum;
use std::ops::{Add, Mul, Neg, Sub};
use std::str::FromStr;

use crate::error::{Error, Kind};

/// A number of at most `P` decimal digits (1 to 38), `S` of which are behind the point: `Decimal<18, 4>` is SQL's
/// `DECIMAL(18, 4)`. It is exact: nothing is ever rounded unless [`round`](Self::round) is called.
///
/// `+`, `-` and `*` by an integer give a `Decimal<38, S>`, so that nothing is lost; a result of more than 38 digits is a
/// panic, which ends a run as an error, and `None` of [`checked_add`](Self::checked_add) and its kin. Numbers of one type
/// can be compared, and any with an integer: `filter price > 20`, `filter price > {Decimal::of("19.90")}`; those of
/// different types after [`rescale`](Self::rescale).
///
/// ```
/// use millstream::Decimal;
/// let price = Decimal::<18, 4>::of("19.90");
/// assert_eq!((price + price * 2).to_string(), "59.7000");
/// assert!(price < 20 && Decimal::<18, 4>::parse("0.00001").is_none());
/// assert_eq!(price.rescale::<6, 2>(), Some(Decimal::of("19.90")));
/// ```
#[derive(Clone, Copy, Default)]
pub struct Decimal<const P: u8, const S: u8>(i128);

/// The most digits of a decimal.
const DIGITS: u8 = 38;

/// Ten to a power, where it fits.
const fn ten(power: u32) -> Option<i128> {
    10i128.checked_pow(power)
}

impl<const P: u8, const S: u8> Decimal<P, S> {
    /// One more than the greatest number, in units.
    const END: i128 = {
        assert!(P >= 1 && P <= DIGITS, "a Decimal<P, S> has 1 to 38 digits");
        assert!(S <= P, "a Decimal<P, S> has no more places than digits");
        10i128.pow(P as u32)
    };
    /// Units in a whole.
    const ONE: i128 = 10i128.pow(S as u32);

    /// The greatest number.
    pub const MAX: Self = Self(Self::END - 1);
    /// The least number.
    pub const MIN: Self = Self(1 - Self::END);

    /// From units of the last place: 12345 is 1.2345 with four places. `None` when it has more than `P` digits.
    #[must_use]
    pub const fn from_units(units: i128) -> Option<Self> {
        if units > -Self::END && units < Self::END { Some(Self(units)) } else { None }
    }

    /// In units of the last place.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Parses `12.5`, `-0.001`, `1e3`: digits with or without a point, a sign and an exponent. `None` when it is none of
    /// these, or a number that is not exactly a `Decimal<P, S>`; zeros at either end do not matter.
    #[must_use]
    pub const fn parse(text: &str) -> Option<Self> {
        match units(text, S as i64) {
            Some(units) => Self::from_units(units),
            None => None,
        }
    }

    /// The number that is written in a program: `Decimal::<18, 4>::of("12.5")`.
    ///
    /// # Panics
    /// It is not exactly a `Decimal<P, S>`; in a `const` that is a compile error.
    #[must_use]
    #[allow(clippy::panic, reason = "of a text in the program, and documented")]
    pub const fn of(text: &str) -> Self {
        match Self::parse(text) {
            Some(number) => number,
            None => panic!("this text is not a number of so many digits and places"),
        }
    }

    /// The same number with other digits and places; `None` when it is not exactly one.
    #[must_use]
    pub const fn rescale<const Q: u8, const T: u8>(self) -> Option<Decimal<Q, T>> {
        let Some(shift) = ten(S.abs_diff(T) as u32) else { return None };
        let units = if T >= S {
            self.0.checked_mul(shift)
        } else if self.0 % shift == 0 {
            Some(self.0 / shift)
        } else {
            None
        };
        match units {
            Some(units) => Decimal::from_units(units),
            None => None,
        }
    }

    /// The nearest number with other digits and places, halves away from zero as in SQL; `None` when it has too many
    /// digits.
    #[must_use]
    pub const fn round<const Q: u8, const T: u8>(self) -> Option<Decimal<Q, T>> {
        if T >= S {
            return self.rescale();
        }
        let Some(shift) = ten((S - T) as u32) else { return None };
        let (units, rest) = (self.0 / shift, self.0 % shift);
        let up = if rest.unsigned_abs() >= shift.unsigned_abs().div_ceil(2) { self.0.signum() } else { 0 };
        Decimal::from_units(units + up)
    }

    /// The nearest float.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::ONE as f64
    }

    /// The sum; `None` beyond 38 digits.
    #[must_use]
    pub const fn checked_add<const Q: u8>(self, other: Decimal<Q, S>) -> Option<Decimal<DIGITS, S>> {
        match self.0.checked_add(other.0) {
            Some(units) => Decimal::from_units(units),
            None => None,
        }
    }

    /// The difference; `None` beyond 38 digits.
    #[must_use]
    pub const fn checked_sub<const Q: u8>(self, other: Decimal<Q, S>) -> Option<Decimal<DIGITS, S>> {
        match self.0.checked_sub(other.0) {
            Some(units) => Decimal::from_units(units),
            None => None,
        }
    }

    /// The product in the digits and places that are asked for; `None` when it is not exactly one of them.
    ///
    /// ```
    /// # use millstream::Decimal;
    /// let (price, share) = (Decimal::<18, 2>::of("19.90"), Decimal::<5, 4>::of("0.0750"));
    /// assert_eq!(price.checked_mul::<5, 4, 38, 6>(share), Some(Decimal::of("1.4925")));
    /// ```
    #[must_use]
    pub const fn checked_mul<const Q: u8, const T: u8, const R: u8, const U: u8>(
        self,
        other: Decimal<Q, T>,
    ) -> Option<Decimal<R, U>> {
        let Some(mut units) = self.0.checked_mul(other.0) else { return None };
        let mut places = S as u32 + T as u32;
        while places > U as u32 {
            if units % 10 != 0 {
                return None;
            }
            units /= 10;
            places -= 1;
        }
        let Some(shift) = ten(U as u32 - places) else { return None };
        match units.checked_mul(shift) {
            Some(units) => Decimal::from_units(units),
            None => None,
        }
    }

    /// Without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

/// The number that a text is, in units of the place `scale`; `None` when it is no number, or no whole number of units.
pub(crate) const fn units(text: &str, scale: i64) -> Option<i128> {
    let bytes = text.as_bytes();
    let (negative, mut at) = match bytes {
        [b'-', ..] => (true, 1),
        [b'+', ..] => (false, 1),
        _ => (false, 0),
    };
    // The digits without zeros at their end, and by how many places they are to be shifted.
    let (mut mantissa, mut zeros, mut places) = (0i128, 0u32, 0i64);
    let (mut digits, mut point) = (false, false);
    while at < bytes.len() {
        match bytes[at] {
            b'0' => {
                zeros += (mantissa != 0) as u32;
                digits = true;
                places += point as i64;
            }
            digit @ b'1'..=b'9' => {
                let shift = if mantissa == 0 { Some(1) } else { ten(zeros.saturating_add(1)) };
                let Some(shift) = shift else { return None };
                let Some(shifted) = mantissa.checked_mul(shift) else { return None };
                let Some(next) = shifted.checked_add((digit - b'0') as i128) else { return None };
                mantissa = next;
                zeros = 0;
                digits = true;
                places += point as i64;
            }
            b'.' if !point => point = true,
            b'e' | b'E' => break,
            _ => return None,
        }
        at += 1;
    }
    if !digits {
        return None;
    }
    let mut exponent = 0i64;
    if at < bytes.len() {
        at += 1;
        let down = at < bytes.len() && bytes[at] == b'-';
        if at < bytes.len() && (bytes[at] == b'-' || bytes[at] == b'+') {
            at += 1;
        }
        if at == bytes.len() {
            return None;
        }
        while at < bytes.len() {
            if !bytes[at].is_ascii_digit() {
                return None;
            }
            // Beyond any decimal it makes no difference how far.
            if exponent < 1_000_000_000_000 {
                exponent = exponent * 10 + (bytes[at] - b'0') as i64;
            }
            at += 1;
        }
        if down {
            exponent = -exponent;
        }
    }
    if mantissa == 0 {
        return Some(0);
    }
    let shift = zeros as i64 + exponent - places + scale;
    // The last digit of the mantissa is not zero, so no digit can be cut off.
    if shift < 0 || shift > DIGITS as i64 {
        return None;
    }
    let Some(shift) = ten(shift as u32) else { return None };
    match mantissa.checked_mul(shift) {
        Some(units) => Some(if negative { -units } else { units }),
        None => None,
    }
}

#[cold]
#[track_caller]
#[allow(clippy::panic, reason = "as integers that overflow; a worker makes an error of the run of it")]
fn overflow(operation: &str) -> ! {
    panic!("a {operation} of decimals has more than 38 digits; use `checked_{operation}`, or floats")
}

impl<const P: u8, const Q: u8, const S: u8> Add<Decimal<Q, S>> for Decimal<P, S> {
    type Output = Decimal<DIGITS, S>;
    #[inline]
    #[track_caller]
    fn add(self, other: Decimal<Q, S>) -> Self::Output {
        self.checked_add(other).unwrap_or_else(|| overflow("add"))
    }
}

impl<const P: u8, const Q: u8, const S: u8> Sub<Decimal<Q, S>> for Decimal<P, S> {
    type Output = Decimal<DIGITS, S>;
    #[inline]
    #[track_caller]
    fn sub(self, other: Decimal<Q, S>) -> Self::Output {
        self.checked_sub(other).unwrap_or_else(|| overflow("sub"))
    }
}

impl<const P: u8, const S: u8> Mul<i64> for Decimal<P, S> {
    type Output = Decimal<DIGITS, S>;
    #[inline]
    #[track_caller]
    fn mul(self, factor: i64) -> Self::Output {
        let units = self.0.checked_mul(i128::from(factor));
        units.and_then(Decimal::from_units).unwrap_or_else(|| overflow("mul"))
    }
}

impl<const P: u8, const S: u8> Neg for Decimal<P, S> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl<const P: u8, const S: u8> Sum<Decimal<P, S>> for Decimal<DIGITS, S> {
    fn sum<I: Iterator<Item = Decimal<P, S>>>(numbers: I) -> Self {
        numbers.fold(Self(0), |sum, number| sum + number)
    }
}

impl<const P: u8, const S: u8> PartialEq for Decimal<P, S> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<const P: u8, const S: u8> Eq for Decimal<P, S> {}

impl<const P: u8, const S: u8> PartialOrd for Decimal<P, S> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const P: u8, const S: u8> Ord for Decimal<P, S> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<const P: u8, const S: u8> PartialEq<i64> for Decimal<P, S> {
    #[inline]
    fn eq(&self, other: &i64) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl<const P: u8, const S: u8> PartialOrd<i64> for Decimal<P, S> {
    #[inline]
    fn partial_cmp(&self, other: &i64) -> Option<Ordering> {
        let whole = i128::from(*other).checked_mul(Self::ONE);
        Some(whole.map_or_else(|| 0.cmp(other), |whole| self.0.cmp(&whole)))
    }
}

impl<const P: u8, const S: u8> Hash for Decimal<P, S> {
    #[inline]
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }
}

impl<const P: u8, const S: u8> fmt::Display for Decimal<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, one) = (self.0.unsigned_abs(), Self::ONE.unsigned_abs());
        let whole = units / one;
        let text = match usize::from(S) {
            0 => whole.to_string(),
            places => format!("{whole}.{:0places$}", units % one),
        };
        f.pad_integral(self.0 >= 0, "", &text)
    }
}

impl<const P: u8, const S: u8> fmt::Debug for Decimal<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const P: u8, const S: u8> FromStr for Decimal<P, S> {
    type Err = Error;
    fn from_str(text: &str) -> crate::Result<Self> {
        Self::parse(text).ok_or_else(|| {
            Error::new(Kind::Config, format!("`{text}` is not a number of {P} digits, {S} of them behind the point"))
                .help("write digits and a point, such as `12.50`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Money = Decimal<6, 2>;

    #[test]
    fn texts() {
        let good = [
            ("0", 0),
            ("-0.00", 0),
            ("+1", 100),
            ("12.5", 1_250),
            ("-12.50", -1_250),
            ("0012.500000000000000000000000000000000000000000000", 1_250),
            (".5", 50),
            ("5.", 500),
            ("1e3", 100_000),
            ("100000000e-5", 100_000),
            ("0.000000000000000000000000000000000000000001e42", 100),
            ("0e99999999999999999999", 0),
            ("9999.99", 999_999),
            ("-9999.99", -999_999),
        ];
        for (text, units) in good {
            assert_eq!(Money::parse(text).map(Money::units), Some(units), "{text}");
        }
        let bad = [
            "",
            "-",
            ".",
            "e1",
            "1e",
            "1e+",
            "1.2.3",
            " 1",
            "1 ",
            "1,5",
            "0x1",
            "NaN",
            "inf",
            "1_000",
            "--1",
            "10000",
            "0.001",
            "9999.995",
            "1e4",
            "1e-3",
            "1e99999999999999999999",
            "٣",
            "170141183460469231731687303715884105728",
        ];
        for text in bad {
            assert_eq!(Money::parse(text), None, "{text}");
        }
        let most = "99999999999999999999999999999999999999";
        assert_eq!(Decimal::<38, 0>::parse(most), Some(Decimal::MAX));
        assert_eq!(Decimal::<38, 38>::parse("-0.99999999999999999999999999999999999999"), Some(Decimal::MIN));
        assert_eq!(Decimal::<38, 0>::parse("100000000000000000000000000000000000000"), None);
        for text in ["0.00", "-0.05", "1.20", "-1234.56"] {
            assert_eq!(Money::parse(text).map(|money| money.to_string()).as_deref(), Some(text));
        }
        assert_eq!(
            (format!("{:>8}", Money::of("-1.5")), Decimal::<4, 0>::of("12").to_string()),
            ("   -1.50".to_owned(), "12".to_owned())
        );
    }

    #[test]
    fn arithmetic() {
        let (a, b) = (Money::of("9999.99"), Money::of("-0.01"));
        assert_eq!((a + a).to_string(), "19999.98");
        assert_eq!(
            (a - b, b * 3, -b, b.abs()),
            (Decimal::of("10000.00"), Decimal::of("-0.03"), Money::of("0.01"), Money::of("0.01"))
        );
        assert_eq!(Decimal::<38, 0>::MAX.checked_add(Decimal::<1, 0>::of("1")), None);
        assert_eq!(Decimal::<38, 0>::MIN.checked_sub(Decimal::<1, 0>::of("1")), None);
        assert_eq!(a.checked_mul::<6, 2, 38, 4>(a), Some(Decimal::of("99999800.0001")));
        assert_eq!(a.checked_mul::<6, 2, 38, 3>(a), None);
        assert_eq!(
            (a.rescale::<8, 4>(), a.rescale::<7, 4>(), a.rescale::<5, 1>()),
            (Some(Decimal::of("9999.99")), None, None)
        );
        let rounded = |text| Money::of(text).round::<4, 0>().map(|whole| whole.to_string());
        assert_eq!(
            ["0.49", "0.50", "-0.5", "-1.49", "9999.5"].map(rounded),
            [Some("0"), Some("1"), Some("-1"), Some("-1"), None].map(|text| text.map(str::to_owned))
        );
        assert!(a > b && a > 9_999 && a < 10_000 && b < 0 && Money::of("5") == 5 && a > i64::MIN && a < i64::MAX);
        assert_eq!((a.to_f64(), [a, b].into_iter().sum::<Decimal<38, 2>>()), (9999.99, Decimal::of("9999.98")));
    }

    #[test]
    #[should_panic(expected = "more than 38 digits")]
    fn too_much() {
        let _ = Decimal::<38, 2>::MAX + Decimal::<38, 2>::MAX;
    }
}
