//! What is asked, what must be answered, and the table of it.

use support::code::Kind;
use support::database::Engine;
use support::http::{Request, Response};

use crate::stage::Stage;

/// What an answer must be.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// 200, and the site with this name from this engine.
    Site(String, Engine),
    /// This status, and to this address.
    Redirect(u16, String),
    /// 503 with Retry-After.
    Unavailable,
    /// 404.
    Unknown,
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// In words.
    question: String,
    request: Request,
    expected: Expected,
}

/// The questions of one round.
pub(crate) fn cases(stage: &Stage) -> Vec<Case> {
    let page = page(stage.kind);
    let get = |host: &str, target: &str| Request::new("GET", host, target);
    let mut cases = Vec::new();
    let mut case = |question: &str, request: Request, expected: Expected| {
        cases.push(Case { question: question.to_owned(), request, expected });
    };
    for site in &stage.sites {
        let expected = Expected::Site(site.name.clone(), site.engine);
        case(&format!("GET http://{}", site.host), get(&site.host, page), expected);
    }
    let first = &stage.sites[0];
    let shouted = first.host.to_uppercase().replace("LOCALHOST:", "LOCALHOST.:");
    let expected = match stage.kind {
        Kind::Mini => Expected::Site(first.name.clone(), first.engine),
        // Moodle, once it is the right one, sends everybody to its address as it is written (lib/setuplib.php).
        Kind::Moodle => Expected::Redirect(303, format!("http://{}{page}", first.host)),
    };
    case(&format!("GET http://{shouted} (capitals, final dot)"), get(&shouted, page), expected);

    let (alias, closed, nobody) = (stage.host("alias"), stage.host("closed"), stage.host("nobody"));
    let target = format!("http://{}/course/view.php?id=1", first.host);
    let path = "/course/view.php?id=1";
    case(&format!("GET http://{alias}{path}"), get(&alias, path), Expected::Redirect(301, target.clone()));
    let post = Request::new("POST", &alias, path);
    case(&format!("POST http://{alias}{path}"), post, Expected::Redirect(308, target));
    case(&format!("GET http://{closed} (disabled)"), get(&closed, page), Expected::Unavailable);
    case(&format!("GET http://{nobody} (not registered)"), get(&nobody, page), Expected::Unknown);
    let forwarded = get(&nobody, page).header("X-Forwarded-Host", &first.host);
    case(&format!("GET http://{nobody}, X-Forwarded-Host: {}", first.host), forwarded, Expected::Unknown);
    for attack in ["x'or'1'='1", "x'UNION(SELECT(1),2,3,'evil','evil')#"] {
        case(&format!("Host: {attack}"), get(attack, page), Expected::Unknown);
    }
    cases
}

/// Counts what was as specified, and prints it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    good: usize,
    bad: usize,
}

impl Report {
    /// Asks every question and prints a table of the answers.
    pub(crate) fn round(&mut self, heading: &str, cases: &[Case], stage: &Stage) {
        println!("\n{heading}\n{}", "-".repeat(heading.len()));
        println!("  {:<72} {:>6}  what came, and why", "question", "status");
        for case in cases {
            let response = case.request.send(stage.web.address());
            let (good, words) = judge(&case.expected, &response, stage);
            *(if good { &mut self.good } else { &mut self.bad }) += 1;
            let mark = if good { ' ' } else { '!' };
            println!("{mark} {:<72} {:>6}  {words}", case.question, response.status);
            if !good {
                println!("! expected {:?}; the answer began: {}", case.expected, beginning(&response.body));
                println!("! the servers' log ended: {}", ending(&stage.web.fpm.log()));
            }
        }
    }

    /// Prints the sum.
    pub(crate) fn verdict(&self) {
        println!("\n{} answers as specified, {} not.", self.good, self.bad);
    }

    /// Whether every answer was as specified.
    pub(crate) fn is_good(&self) -> bool {
        self.bad == 0 && self.good > 0
    }
}

/// Whether the answer is what it must be, and what to tell a person about it.
fn judge(expected: &Expected, response: &Response, stage: &Stage) -> (bool, String) {
    // Not even a word about the farm: no other site's name, no software, no reason.
    let says_nothing = || {
        let body = response.body.to_lowercase();
        !["vmoodle", "tenant", "mariadb", "pgsql", "mdl_"].iter().any(|word| body.contains(word))
            && !stage.sites.iter().any(|site| response.body.contains(&site.host))
    };
    match expected {
        Expected::Site(name, engine) => {
            let good = response.status == 200 && response.body.contains(name);
            (good, format!("\"{name}\": the name in its own database, on {engine:?}"))
        }
        Expected::Redirect(status, to) => {
            let good = response.status == *status && response.header("Location") == Some(to);
            let why = match status {
                301 => "an alias",
                308 => "an alias; 308 keeps the method",
                _ => "the right Moodle, which likes its address as registered",
            };
            (good, format!("to {}: {why}", response.header("Location").unwrap_or("nowhere")))
        }
        Expected::Unavailable => {
            let retry = response.header("Retry-After");
            let good = response.status == 503 && retry.is_some() && says_nothing();
            (
                good,
                format!(
                    "\"{}\", Retry-After {}: registered, not serving",
                    response.title(),
                    retry.unwrap_or("missing")
                ),
            )
        }
        Expected::Unknown => {
            let good = response.status == 404 && says_nothing();
            (good, format!("\"{}\": no such host; nothing about the farm in the page", response.title()))
        }
    }
}

/// A page that shows the site's name from its database.
fn page(kind: Kind) -> &'static str {
    match kind {
        Kind::Mini => "/?site",
        Kind::Moodle => "/login/index.php",
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(300).collect()
}

fn ending(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n  ")
}
