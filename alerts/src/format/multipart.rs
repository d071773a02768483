//! Forms with a file (RFC 7578).

/// A form that is being written.
pub(super) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    /// A form whose boundary is in none of these contents.
    pub(super) fn around(contents: &[&[u8]]) -> Self {
        let free = |boundary: &String| {
            let boundary = boundary.as_bytes();
            let is_in =
                |content: &&[u8]| content.windows(boundary.len()).any(|part| part == boundary);
            !contents.iter().any(is_in)
        };
        let mut boundaries = (0_u64..).map(|number| format!("pistreamer-{number:016x}"));
        Self {
            boundary: boundaries.find(free).unwrap_or_default(),
            body: Vec::new(),
        }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, name: &str, kind: Option<&str>, text: &str) {
        let kind = kind.map_or(String::new(), |kind| format!("Content-Type: {kind}\r\n"));
        self.part(&format!("name=\"{name}\"\r\n{kind}"), text.as_bytes());
    }

    /// Adds a JPEG.
    pub(super) fn jpeg(&mut self, name: &str, jpeg: &[u8]) {
        let head =
            format!("name=\"{name}\"; filename=\"picture.jpg\"\r\nContent-Type: image/jpeg\r\n");
        self.part(&head, jpeg);
    }

    fn part(&mut self, head: &str, content: &[u8]) {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; {head}\r\n",
            self.boundary
        );
        self.body
            .extend([head.as_bytes(), content, b"\r\n"].concat());
    }

    /// The header of the whole, and the body.
    pub(super) fn end(mut self) -> ((&'static str, String), Vec<u8>) {
        self.body
            .extend(format!("--{}--\r\n", self.boundary).into_bytes());
        let kind = format!("multipart/form-data; boundary={}", self.boundary);
        (("Content-Type", kind), self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_each_part_between_boundaries_that_are_in_none() {
        let picture = b"\xff\xd8--pistreamer-0000000000000000--";
        let mut form = Form::around(&[picture]);
        form.text("chat", None, "7");
        form.jpeg("photo", picture);
        let ((name, kind), body) = form.end();
        assert_eq!(
            (name, &*kind),
            (
                "Content-Type",
                "multipart/form-data; boundary=pistreamer-0000000000000001"
            )
        );
        let expected = b"--pistreamer-0000000000000001\r\n\
            Content-Disposition: form-data; name=\"chat\"\r\n\r\n7\r\n\
            --pistreamer-0000000000000001\r\n\
            Content-Disposition: form-data; name=\"photo\"; filename=\"picture.jpg\"\r\n\
            Content-Type: image/jpeg\r\n\r\n\xff\xd8--pistreamer-0000000000000000--\r\n\
            --pistreamer-0000000000000001--\r\n";
        assert_eq!(body, expected);
    }
}
