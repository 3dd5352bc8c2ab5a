//! The dashboard as Grafana imports it: panels with a type each, laid out in rows. What they ask is in
//! [`super::board`]; here is only how Grafana wants to be told.

use super::board::{self, Look, Panel, Row};
use serde_json::{Value, json};

/// The version of Grafana's dashboard schema that is written: Grafana 10.4; newer ones migrate it.
const SCHEMA_VERSION: u32 = 39;
/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// Where the next panel goes.
struct Cursor {
    id: u32,
    x: u32,
    y: u32,
    height: u32,
}

/// The dashboard as JSON, with a newline at its end.
pub fn dashboard() -> String {
    let mut at = Cursor { id: 1, x: 0, y: 0, height: 0 };
    let panels: Vec<_> = board::rows().iter().flat_map(|row| at.row(row)).collect();
    let dashboard = json!({
        "title": "DataBuild", "uid": "databuild", "tags": ["databuild"],
        "description": "Jobs, their logs, and the service. Made by `databuild metrics export --grafana`.",
        "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": true, "graphTooltip": 1,
        "refresh": "30s", "time": {"from": "now-24h", "to": "now"}, "timezone": "browser",
        "annotations": {"list": []}, "links": [], "templating": {"list": variables()},
        "panels": panels,
    });
    format!("{dashboard:#}\n")
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn variables() -> Vec<Value> {
    let windows = ["5m", "1h", "6h", "1d", "7d"];
    let options: Vec<_> = windows
        .iter()
        .map(|window| json!({"text": window, "value": window, "selected": *window == "1h"}))
        .collect();
    let of_label = |name: &str, label: &str, query: String| {
        json!({
            "name": name, "label": label, "type": "query", "datasource": source(),
            "query": {"query": query, "refId": name},
            "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"], "selected": true},
            "hide": 0, "options": [], "regex": "", "skipUrlSync": false,
        })
    };
    vec![
        json!({
            "name": "datasource", "label": "Data source", "type": "datasource",
            "query": "prometheus", "refresh": 1, "regex": "", "multi": false, "includeAll": false,
            "current": {}, "hide": 0, "options": [], "skipUrlSync": false,
        }),
        of_label("instance", "Service", board::instances()),
        of_label("job_label", "Job", board::jobs()),
        json!({
            "name": "window", "label": "Jobs counted over", "type": "custom", "query": windows.join(","),
            "current": {"text": "1h", "value": "1h", "selected": true}, "options": options,
            "multi": false, "includeAll": false, "hide": 0, "skipUrlSync": false,
        }),
    ]
}

impl Cursor {
    fn next_id(&mut self) -> u32 {
        let id = self.id;
        self.id += 1;
        id
    }

    /// The heading of a row and its panels; in a row that is closed they are inside the heading.
    fn row(&mut self, row: &Row) -> Vec<Value> {
        let (id, y) = (self.next_id(), self.y);
        (self.x, self.y, self.height) = (0, y + 1, 0);
        let panels: Vec<_> = row.panels.iter().map(|panel| self.panel(panel)).collect();
        self.y += self.height;
        let (inside, below) = if row.closed { (panels, Vec::new()) } else { (Vec::new(), panels) };
        let heading = json!({
            "id": id, "type": "row", "title": row.title, "collapsed": row.closed, "panels": inside,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        });
        std::iter::once(heading).chain(below).collect()
    }

    fn place(&mut self, width: u32, height: u32) -> Value {
        if COLUMNS < self.x + width {
            (self.x, self.y, self.height) = (0, self.y + self.height, 0);
        }
        let place = json!({"h": height, "w": width, "x": self.x, "y": self.y});
        self.x += width;
        self.height = self.height.max(height);
        place
    }

    fn panel(&mut self, panel: &Panel) -> Value {
        let (kind, options) = match panel.look {
            Look::Number => ("stat", number()),
            Look::Bars => ("bargauge", bars()),
            Look::Lines => ("timeseries", lines()),
        };
        let (width, height) = panel.look.size();
        json!({
            "id": self.next_id(), "type": kind, "title": panel.title,
            "description": panel.description, "gridPos": self.place(width, height),
            "datasource": source(), "fieldConfig": fields(panel), "options": options,
            "targets": targets(panel),
        })
    }
}

fn targets(panel: &Panel) -> Vec<Value> {
    let letters = 'A'..='Z';
    let targets = panel.targets.iter().zip(letters).map(|(target, letter)| {
        json!({
            "refId": letter.to_string(), "datasource": source(), "editorMode": "code",
            "expr": target.query.text(), "legendFormat": target.legend,
            "range": panel.look == Look::Lines, "instant": panel.look != Look::Lines,
            "exemplar": target.exemplars,
        })
    });
    targets.collect()
}

fn fields(panel: &Panel) -> Value {
    let steps: Vec<_> = std::iter::once(json!({"color": "green", "value": null}))
        .chain(panel.red_from.map(|value| json!({"color": "red", "value": value})))
        .collect();
    let mut defaults = json!({
        "unit": panel.unit, "min": 0,
        "color": {"mode": if panel.look == Look::Lines { "palette-classic" } else { "thresholds" }},
        "thresholds": {"mode": "absolute", "steps": steps},
    });
    if let (Look::Lines, Some(defaults)) = (panel.look, defaults.as_object_mut()) {
        // Jobs end now and then: a line across a hole shows that there was one in between.
        let custom = json!({"drawStyle": "line", "fillOpacity": 10, "lineWidth": 1, "showPoints": "auto", "spanNulls": 3_600_000});
        defaults.insert("custom".to_owned(), custom);
    }
    json!({"defaults": defaults, "overrides": []})
}

fn number() -> Value {
    json!({
        "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
        "textMode": "auto", "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
    })
}

fn bars() -> Value {
    json!({
        "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true, "valueMode": "color",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
    })
}

fn lines() -> Value {
    json!({
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": true},
        "tooltip": {"mode": "multi", "sort": "desc"},
    })
}
