//! What a YAML word without quotes is: YAML 1.2's core schema, in which `yes`, `off` and `0123` are strings.

use super::tree::Kind;

/// The kind of a scalar that stands without quotes.
pub(super) fn resolve(word: &str) -> Kind {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(word).map_or_else(|| Kind::Text(word.to_owned()), Kind::Number),
    }
}

fn number(word: &str) -> Option<serde_json::Number> {
    let (negative, digits) = match word.as_bytes().first()? {
        b'-' => (true, &word[1..]),
        b'+' => (false, &word[1..]),
        _ => (false, word),
    };
    if let Some((radix, digits)) =
        digits.strip_prefix("0x").map(|digits| (16, digits)).or(digits.strip_prefix("0o").map(|digits| (8, digits)))
    {
        let plain = !negative && word.as_bytes()[0] != b'+' && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if plain { u64::from_str_radix(digits, radix).ok().map(Into::into) } else { None };
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return integer(negative, digits);
    }
    let looks_like_a_float = digits.starts_with(|first: char| first == '.' || first.is_ascii_digit())
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if looks_like_a_float { word.parse().ok().and_then(serde_json::Number::from_f64) } else { None }
}

fn integer(negative: bool, digits: &str) -> Option<serde_json::Number> {
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    if negative {
        format!("-{digits}").parse::<i64>().ok().map(Into::into)
    } else {
        digits.parse::<u64>().ok().map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(word: &str) -> String {
        match resolve(word) {
            Kind::Null => "null".into(),
            Kind::Bool(value) => format!("bool {value}"),
            Kind::Number(number) => format!("number {number}"),
            Kind::Text(text) => format!("text {text}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn words_are_what_yaml_1_2_says() {
        for (word, is) in [
            ("", "null"),
            ("~", "null"),
            ("true", "bool true"),
            ("yes", "text yes"),
            ("off", "text off"),
            ("12", "number 12"),
            ("+12", "number 12"),
            ("-12", "number -12"),
            ("0x1F", "number 31"),
            ("0o17", "number 15"),
            ("0123", "text 0123"),
            ("1_000", "text 1_000"),
            ("1.5", "number 1.5"),
            ("1e3", "number 1000.0"),
            (".5", "number 0.5"),
            (".inf", "text .inf"),
            ("-", "text -"),
            ("10s", "text 10s"),
            ("127.0.0.1", "text 127.0.0.1"),
            ("99999999999999999999", "text 99999999999999999999"),
        ] {
            assert_eq!(shown(word), is, "{word}");
        }
    }
}
