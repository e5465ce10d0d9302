//! Figures in the text format of Prometheus, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::fmt::Write;

use super::figures::{BOUNDS, Figures, Unit, Values};

/// What `Content-Type` says of the text.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

type Label<'a> = (&'a str, &'a str);

/// All figures of a run. Every one has the label `pipeline`, if the pipeline has a name.
pub(super) fn text(figures: &Figures) -> String {
    let mut out = String::new();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    head(&mut out, "millstream_build_info", "The version of millstream", "gauge");
    sample(&mut out, figures, "millstream_build_info", &version, 1.0);
    for family in figures.families() {
        let unit = match family.unit {
            Unit::One => "",
            Unit::Seconds => "_seconds",
            Unit::Bytes => "_bytes",
            Unit::Time => "_timestamp_seconds",
        };
        let name = format!("millstream_{}{unit}", family.name);
        match family.values {
            Values::Gauge(points) => {
                head(&mut out, &name, &family.help, "gauge");
                points.iter().for_each(|point| sample(&mut out, figures, &name, &of(&point.labels), point.value));
            }
            Values::Counter(points) => {
                let name = format!("{name}_total");
                head(&mut out, &name, &family.help, "counter");
                points.iter().for_each(|point| sample(&mut out, figures, &name, &of(&point.labels), point.value));
            }
            Values::Histogram(points) => {
                head(&mut out, &name, &family.help, "histogram");
                for point in points {
                    let (labels, mut upto) = (of(&point.labels), 0);
                    let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
                    for (bound, count) in bounds.zip(point.value.counts) {
                        upto += count;
                        let labels = [&labels[..], &[("le", bound.as_str())]].concat();
                        sample(&mut out, figures, &format!("{name}_bucket"), &labels, upto as f64);
                    }
                    sample(&mut out, figures, &format!("{name}_sum"), &labels, point.value.sum);
                    sample(&mut out, figures, &format!("{name}_count"), &labels, upto as f64);
                }
            }
        }
    }
    out
}

fn of<'a>(labels: &'a [(&'static str, String)]) -> Vec<Label<'a>> {
    labels.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

// Writing to a string does not fail.
fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", help.replace('\\', "\\\\").replace('\n', "\\n"));
}

fn sample(out: &mut String, figures: &Figures, name: &str, labels: &[Label<'_>], value: f64) {
    let pipeline = figures.pipeline.as_deref().map(|name| ("pipeline", name));
    out.push_str(name);
    for (at, (label, value)) in pipeline.iter().chain(labels).enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{}{label}=\"{value}\"", if at == 0 { '{' } else { ',' });
    }
    let end = if pipeline.is_none() && labels.is_empty() { "" } else { "}" };
    let _ = writeln!(out, "{end} {value}");
}
