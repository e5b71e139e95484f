//! Quantities as Kubernetes writes them: `512Mi`, `500m`, `2`. Exact, because a bound must not depend on rounding.

use rust_decimal::Decimal;

/// The most significant digits, so that every amount is exact.
const MOST_DIGITS: usize = 15;

/// A suffix and what it stands for, from small to large.
struct Suffix {
    text: &'static str,
    base: u64,
    exponent: i32,
}

const fn suffix(text: &'static str, base: u64, exponent: i32) -> Suffix {
    Suffix {
        text,
        base,
        exponent,
    }
}

#[rustfmt::skip]
const DECIMAL: [Suffix; 10] = [
    suffix("n", 1_000, -3), suffix("u", 1_000, -2), suffix("m", 1_000, -1), suffix("", 1_000, 0), suffix("k", 1_000, 1),
    suffix("M", 1_000, 2), suffix("G", 1_000, 3), suffix("T", 1_000, 4), suffix("P", 1_000, 5), suffix("E", 1_000, 6),
];
#[rustfmt::skip]
const BINARY: [Suffix; 6] = [
    suffix("Ki", 1_024, 1), suffix("Mi", 1_024, 2), suffix("Gi", 1_024, 3), suffix("Ti", 1_024, 4),
    suffix("Pi", 1_024, 5), suffix("Ei", 1_024, 6),
];

impl Suffix {
    fn factor(&self) -> Option<Decimal> {
        let mut factor = Decimal::ONE;
        for _ in 0..self.exponent.unsigned_abs() {
            factor = match self.exponent > 0 {
                true => factor.checked_mul(self.base.into())?,
                false => factor.checked_div(self.base.into())?,
            };
        }
        Some(factor)
    }
}

/// The amount, if the text is a quantity: ASCII digits, perhaps a fraction, perhaps one suffix.
pub(super) fn read(text: &str) -> Option<Decimal> {
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let end = unsigned.find(|c| !is_digit(c)).unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_padded = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') || is_padded {
        return None;
    }
    if digits.len() > MOST_DIGITS {
        return None;
    }
    let suffix = DECIMAL
        .iter()
        .chain(&BINARY)
        .find(|known| known.text == suffix)?;
    let amount = Decimal::from_str_exact(digits).ok()?;
    let factor = suffix.factor()?;
    let amount = amount.checked_mul(factor)?;
    Some(match text.starts_with('-') {
        true => -amount,
        false => amount,
    })
}

/// Whether the text counts in powers of two.
pub(super) fn is_binary(text: &str) -> bool {
    text.ends_with('i')
}

/// The amount with the largest suffix with which it is a whole number; none if there is none.
pub(super) fn write(amount: Decimal, in_binary: bool) -> Option<String> {
    let binary = BINARY.iter().rev().filter(|_| in_binary);
    binary.chain(DECIMAL.iter().rev()).find_map(|suffix| {
        let count = amount.checked_div(suffix.factor()?)?;
        let is_exact = count.is_integer() && count.checked_mul(suffix.factor()?)? == amount;
        let is_short = !amount.is_zero() || suffix.text.is_empty();
        (is_exact && is_short).then(|| format!("{}{}", count.normalize(), suffix.text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn a_quantity_is_what_kubernetes_means_by_it() {
        for (text, amount) in [
            ("2", "2"),
            ("0.5", "0.5"),
            ("500m", "0.5"),
            ("250u", "0.00025"),
            ("1n", "0.000000001"),
            ("-3", "-3"),
            ("512Mi", "536870912"),
            ("1.5Gi", "1610612736"),
            ("64M", "64000000"),
            ("1k", "1000"),
            ("1Ei", "1152921504606846976"),
            ("1E", "1000000000000000000"),
        ] {
            assert_eq!(read(text), Some(number(amount)), "{text}");
        }
        for no in [
            "",
            "Mi",
            "-",
            ".5",
            "5.",
            "1.2.3",
            "05",
            "512 Mi",
            "512mi",
            "512MB",
            "1e3",
            "1K",
            "+1",
            "--1",
            "٥١٢Mi",
            "5１2Mi",
            "1Mi ",
            "0x10",
            "1_000",
            "1234567890123456",
            "999999999999999Ei",
            "NaN",
            "inf",
        ] {
            assert_eq!(read(no), None, "{no}");
        }
    }

    #[test]
    fn an_amount_is_written_with_the_suffix_that_fits() {
        for (amount, in_binary, text) in [
            ("536870912", true, "512Mi"),
            ("1610612736", true, "1536Mi"),
            ("64000000", false, "64M"),
            ("0.5", false, "500m"),
            ("0.5", true, "500m"),
            ("0", true, "0"),
            ("1001", true, "1001"),
            ("2000", false, "2k"),
            ("-2048", true, "-2Ki"),
        ] {
            let written = write(number(amount), in_binary).unwrap();
            assert_eq!(written, text);
            assert_eq!(read(&written), Some(number(amount)));
        }
        assert_eq!(write(number("0.0000000001"), false), None);
    }
}
