//! Counts in the text format of Prometheus.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    outcomes: Family<Treated, Counter>,
    disk: Gauge,
    pub(crate) open: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Treated {
    outcome: &'static str,
    format: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // From a millisecond to about half a minute.
        let seconds =
            Family::<Route, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 16)));
        let (requests, outcomes, disk, open) =
            (Family::default(), Family::default(), Gauge::default(), Gauge::default());
        let mut registry = Registry::with_prefix("unlabel");
        registry.register("requests", "Requests that were answered", Family::clone(&requests));
        registry.register("request_seconds", "Time until the head of the answer", Family::clone(&seconds));
        registry.register("files", "Files that were treated", Family::clone(&outcomes));
        registry.register("spool_bytes", "Disk that uploads under way take", Gauge::clone(&disk));
        registry.register("requests_open", "Requests in hand", Gauge::clone(&open));
        Self { registry, requests, seconds, outcomes, disk, open }
    }

    pub(crate) fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.seconds.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { route, method: method.to_owned(), status }).inc();
    }

    pub(crate) fn file(&self, report: &unlabel_core::Report) {
        let format = report.format.unwrap_or("none");
        self.outcomes.get_or_create(&Treated { outcome: report.outcome.name(), format }).inc();
    }

    pub(crate) fn text(&self, disk: u64) -> String {
        self.disk.set(i64::try_from(disk).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
