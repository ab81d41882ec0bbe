//! A stream of JSON objects that nothing stands between, cut into the objects.

/// What was received and not cut off yet.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// How far it was looked through.
    at: usize,
    depth: u32,
    in_text: bool,
    is_escaped: bool,
}

impl Frames {
    /// Takes in what was received.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole object. Every byte is looked at once.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(byte) = self.bytes.get(self.at).copied() {
            self.at += 1;
            if self.in_text {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        let rest = self.bytes.split_off(self.at);
                        self.at = 0;
                        return Some(std::mem::replace(&mut self.bytes, rest));
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn any_object() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["[{}\\[\\]\"\\\\a]{0,8}", any::<String>()];
        proptest::collection::vec(text, 0..4).prop_map(|texts| json!({"params": texts, "id": null}))
    }

    proptest! {
        #[test]
        fn objects_come_out_as_they_went_in_however_they_are_torn(
            objects in proptest::collection::vec(any_object(), 1..6),
            size in 1..40usize,
        ) {
            let stream: String = objects.iter().map(ToString::to_string).collect();
            let mut frames = Frames::default();
            let mut read = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                frames.push(piece);
                while let Some(object) = frames.next() {
                    read.push(serde_json::from_slice::<Value>(&object).unwrap());
                }
            }
            prop_assert_eq!(read, objects);
        }
    }
}
