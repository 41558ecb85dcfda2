//! Who is served next: pure, without clock, database or process.

use std::collections::{HashMap, HashSet};

/// A site with due work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Its number; 0 for the control site.
    pub(super) id: i64,
    /// Its database server.
    pub(super) server: String,
    /// Since when its oldest task is due, in seconds since 1970.
    pub(super) since: i64,
    /// When its cron began last, as it was known when the site was asked; 0 for never.
    pub(super) last: i64,
    /// When its cron ended last, in seconds since 1970; 0 for never.
    pub(super) served: i64,
    /// How much its waiting counts, from 1.
    pub(super) weight: u32,
}

impl Waiting {
    /// How long it has waited, times its weight.
    ///
    /// A site that was served waits anew, however old its task is: one that is stuck or broken goes to the end of the
    /// queue instead of standing at its head for ever.
    fn urgency(&self, now: i64) -> i64 {
        let waited = (now - self.since.max(self.served)).max(0) + 1;
        waited.saturating_mul(i64::from(self.weight.max(1)))
    }
}

/// The sites that wait, and those that run.
#[derive(Debug)]
pub(super) struct Queue {
    most: usize,
    per_server: usize,
    waiting: HashMap<i64, Waiting>,
    running: HashMap<i64, String>,
    held: HashSet<String>,
}

impl Queue {
    /// At most `most` sites at once, and `per_server` on one database server.
    pub(super) fn new(most: usize, per_server: usize) -> Self {
        Self { most, per_server, waiting: HashMap::new(), running: HashMap::new(), held: HashSet::new() }
    }

    /// Puts a site in line, in place of what was known of it; one that runs stays out.
    pub(super) fn put(&mut self, site: Waiting) {
        if !self.running.contains_key(&site.id) {
            self.waiting.insert(site.id, site);
        }
    }

    /// Takes a site out of the line.
    pub(super) fn drop(&mut self, id: i64) {
        self.waiting.remove(&id);
    }

    /// Takes sites out of the line: those of a server, or all.
    pub(super) fn drop_all(&mut self, server: Option<&str>) -> Vec<Waiting> {
        let gone = |site: &Waiting| server.is_none_or(|server| site.server == server);
        let ids: Vec<i64> = self.waiting.values().filter(|site| gone(site)).map(|site| site.id).collect();
        ids.iter().filter_map(|id| self.waiting.remove(id)).collect()
    }

    /// Leaves a server's sites in line until [`Self::release`]: others use it up.
    pub(super) fn hold(&mut self, server: &str) {
        self.held.insert(server.to_owned());
    }

    /// Lets all servers be tried again.
    pub(super) fn release(&mut self) {
        self.held.clear();
    }

    /// The most urgent site that there is room for; of equals the one with the lowest number. It stays in line.
    pub(super) fn next(&self, now: i64) -> Option<&Waiting> {
        if self.running.len() >= self.most {
            return None;
        }
        let on = |server: &str| self.running.values().filter(|one| *one == server).count();
        self.waiting
            .values()
            .filter(|site| !self.held.contains(&site.server) && on(&site.server) < self.per_server)
            .max_by_key(|site| (site.urgency(now), std::cmp::Reverse(site.id)))
    }

    /// Moves a site from the line to those that run.
    pub(super) fn start(&mut self, id: i64) {
        if let Some(site) = self.waiting.remove(&id) {
            self.running.insert(id, site.server);
        }
    }

    /// Notes that a site has ended.
    pub(super) fn end(&mut self, id: i64) {
        self.running.remove(&id);
    }

    /// Whether a site runs.
    pub(super) fn is_running(&self, id: i64) -> bool {
        self.running.contains_key(&id)
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// The numbers of those in line.
    pub(super) fn waiting(&self) -> impl ExactSizeIterator<Item = i64> {
        self.waiting.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 10_000;

    fn site(id: i64, server: &str, since: i64) -> Waiting {
        Waiting { id, server: server.into(), since, last: 0, served: 0, weight: 1 }
    }

    fn order(queue: &mut Queue) -> Vec<i64> {
        let mut order = Vec::new();
        while let Some(id) = queue.next(NOW).map(|site| site.id) {
            queue.start(id);
            order.push(id);
        }
        order
    }

    #[test]
    fn the_oldest_due_goes_first_and_equals_in_their_order() {
        let mut queue = Queue::new(10, 10);
        for (id, since) in [(1, 9000), (2, 8000), (4, 9500), (3, 9500)] {
            queue.put(site(id, "a", since));
        }
        assert_eq!(order(&mut queue), [2, 1, 3, 4]);
        assert_eq!((queue.running(), queue.waiting().len()), (4, 0));
    }

    #[test]
    fn a_weight_makes_waiting_count_more() {
        let mut queue = Queue::new(10, 10);
        queue.put(site(1, "a", 9000));
        queue.put(Waiting { weight: 3, ..site(2, "a", 9600) });
        queue.put(Waiting { weight: 3, ..site(3, "a", 9700) });
        assert_eq!(order(&mut queue), [2, 1, 3]);
    }

    #[test]
    fn no_more_run_at_once_than_allowed_overall_and_on_one_server() {
        let mut queue = Queue::new(3, 2);
        for (id, server) in [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "b")] {
            queue.put(site(id, server, 9000 + id));
        }
        assert_eq!(order(&mut queue), [1, 2, 4], "server `a` is full after two, the node after three");
        queue.end(4);
        assert_eq!(order(&mut queue), [5]);
        queue.end(1);
        assert_eq!(order(&mut queue), [3]);
    }

    #[test]
    fn a_site_that_was_just_served_waits_behind_those_that_were_not() {
        let mut queue = Queue::new(1, 1);
        queue.put(Waiting { served: 9990, ..site(1, "a", 10) });
        queue.put(site(2, "a", 9980));
        assert_eq!(order(&mut queue), [2], "1 is stuck since ever, but had its turn");
    }

    #[test]
    fn nobody_waits_for_ever() {
        let mut queue = Queue::new(1, 1);
        let mut served: HashMap<i64, i64> = HashMap::new();
        let mut times: HashMap<i64, u32> = HashMap::new();
        for now in (0..3000).step_by(10) {
            for id in 1..=30 {
                let weight = if id == 1 { 10 } else { 1 };
                let served = served.get(&id).copied().unwrap_or(0);
                queue.put(Waiting { id, server: "a".into(), since: 0, last: 0, served, weight });
            }
            let id = queue.next(now).unwrap().id;
            queue.start(id);
            queue.end(id);
            served.insert(id, now + 10);
            *times.entry(id).or_default() += 1;
        }
        assert_eq!(times.len(), 30, "{times:?}");
        let least = times.values().min().copied().unwrap();
        assert!(least >= 6 && times[&1] >= 5 * least, "{times:?}");
    }

    #[test]
    fn a_running_site_is_not_put_in_line_again() {
        let mut queue = Queue::new(2, 2);
        queue.put(site(1, "a", 0));
        queue.start(1);
        queue.put(site(1, "a", 0));
        assert!(queue.is_running(1) && queue.next(NOW).is_none());
        queue.end(1);
        queue.put(site(1, "a", 0));
        assert_eq!(queue.next(NOW).map(|site| site.id), Some(1));
    }

    #[test]
    fn a_server_that_others_use_up_is_passed_over_until_released() {
        let mut queue = Queue::new(5, 5);
        queue.put(site(1, "a", 0));
        queue.put(site(2, "b", 10));
        queue.hold("a");
        assert_eq!(queue.next(NOW).map(|site| site.id), Some(2));
        queue.release();
        assert_eq!(queue.next(NOW).map(|site| site.id), Some(1));
        assert_eq!(queue.drop_all(Some("a")).len(), 1);
        queue.drop(2);
        assert!(queue.next(NOW).is_none() && queue.drop_all(None).is_empty());
    }
}
