//! The dashboard as somebody at a browser meets it, over real HTTP: pages, cookies, forms.

use super::serving::{Answer, Serving};

/// Somebody at a browser.
pub struct Browser<'s> {
    pub serving: &'s Serving,
    /// Name and value of the session's cookie; empty without one.
    pub cookie: String,
}

impl<'s> Browser<'s> {
    /// Somebody who has not signed in.
    pub fn at(serving: &'s Serving) -> Self {
        Self {
            serving,
            cookie: String::new(),
        }
    }

    /// Somebody who has.
    #[track_caller]
    pub fn signed_in(serving: &'s Serving, token: &str) -> Self {
        let mut guest = Self::at(serving);
        let answer = guest.sends("/sign-in", &[("token", token)]).gives(303);
        guest.cookie = cookie(&answer);
        guest
    }

    /// A page.
    #[track_caller]
    pub fn gets(&self, path: &str) -> Answer {
        self.gets_with(path, &[])
    }

    #[track_caller]
    pub fn gets_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = ureq::http::Request::get(format!("{}{path}", self.serving.url));
        self.asks(request, headers, Vec::new())
    }

    /// A form, as a page of the server sends it.
    #[track_caller]
    pub fn sends(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.sends_with(path, fields, &[("origin", &self.serving.url)])
    }

    #[track_caller]
    pub fn sends_with(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let body: Vec<String> = fields
            .iter()
            .map(|(key, value)| format!("{key}={}", encoded(value)))
            .collect();
        let request = ureq::http::Request::post(format!("{}{path}", self.serving.url));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.asks(request, headers, body.join("&").into_bytes())
    }

    #[track_caller]
    fn asks(
        &self,
        mut request: ureq::http::request::Builder,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.serving.ask(request.body(body).unwrap())
    }

    /// Waits until a page says something.
    #[track_caller]
    pub fn waits_for(&self, path: &str, text: &str) -> String {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let page = self.gets(path).body;
            if page.contains(text) {
                return page;
            }
            assert!(
                std::time::Instant::now() < end,
                "`{path}` never said `{text}`:\n{page}"
            );
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
    }

    /// The hidden fields of a form for a decision on a pull request, and those that the person fills in.
    #[track_caller]
    pub fn form<'f>(
        &self,
        page: &'f str,
        fields: &[(&'f str, &'f str)],
    ) -> Vec<(&'f str, &'f str)> {
        let mut form: Vec<_> = ["csrf", "once", "head"]
            .iter()
            .filter_map(|name| Some((*name, hidden(page, name)?)))
            .collect();
        form.extend(fields);
        form
    }
}

/// The value of the first hidden field of this name, but for the one of signing out.
pub fn hidden<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    let main = page.split("<main").nth(1)?;
    let field = main.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
    field.split('"').next()
}

/// The cookie that an answer sets, as a browser sends it back.
#[track_caller]
pub fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    assert!(!set.is_empty(), "no cookie is set: {}", answer.body);
    set.split(';').next().unwrap().to_owned()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
