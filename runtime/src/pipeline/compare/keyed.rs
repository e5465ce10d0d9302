//! Keyed stages: whether the state in the checkpoint is that of the stage, or can be made to be.

use arrow::datatypes::DataType;

use super::super::changes::{Changes, Migration};
use super::super::descriptor::{Descriptor, IN, KeyedDescriptor, words_of};
use super::{Class, Comparison, Line};

/// The mode in which groups do not end.
pub(super) const COMPLETE: &str = "complete";

/// Where a keyed stage has its state from.
#[derive(Debug, Clone)]
pub(crate) struct Carry {
    /// The stage.
    pub name: String,
    /// The stage of the checkpoint; `None` if it starts empty.
    pub from: Option<String>,
    pub how: How,
    /// The columns of keys in the checkpoint, and those of accumulators, as they are called there.
    pub keys: Vec<String>,
    /// Columns with another name: the old one and the new one.
    pub renamed: Vec<(String, String)>,
}

/// How the state of a stage is made of what is in the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// It is read as it is.
    AsItIs,
    /// It is written anew, with the columns and key groups that the stage has now.
    Anew,
    /// By this migration of the pipeline's.
    Migrate(usize),
    /// There is none.
    Empty,
}

impl Comparison {
    pub(super) fn keyed(&mut self, old: &Descriptor, new: &Descriptor, changes: &Changes) {
        // A rename is made once: after that the checkpoint has the new name.
        let is_old = |name: &str| old.keyed.iter().any(|stage| stage.name == name);
        let due: Vec<_> = changes.stages.iter().filter(|(from, to)| is_old(from) && !is_old(to)).collect();
        let mut taken = Vec::new();
        let mut places = Vec::new();
        for after in &new.keyed {
            let renamed = due.iter().find(|(_, to)| *to == after.name).map(|(from, _)| from);
            let went =
                |name: &String| due.iter().any(|(from, to)| from == name && new.keyed.iter().any(|of| of.name == *to));
            let from = renamed.or_else(|| Some(&after.name).filter(|name| !went(name)));
            let before = from.and_then(|from| old.keyed.iter().position(|before| before.name == *from));
            let before = before.filter(|at| !places.contains(at));
            let Some((place, before)) = before.and_then(|at| Some((at, old.keyed.get(at)?))) else {
                self.new_stage(after, changes);
                continue;
            };
            taken.push(before.name.clone());
            places.push(place);
            if before.name != after.name {
                self.line(
                    "C12",
                    Class::Compatible,
                    "the keyed stage",
                    &quoted(&before.name),
                    &quoted(&after.name),
                    "its state goes with it",
                );
            }
            self.stage((before, &old.mode), (after, &new.mode), changes);
        }
        if !places.is_sorted() {
            let names =
                |of: &Descriptor| of.keyed.iter().map(|stage| quoted(&stage.name)).collect::<Vec<_>>().join(", ");
            let then = "each keeps its own state, and is given other rows from the next epoch on";
            self.line("C24", Class::Meaning, "the order of the keyed stages", &names(old), &names(new), then);
        }
        for before in old.keyed.iter().filter(|before| !taken.contains(&before.name)) {
            let what = format!("the keyed stage `{}`", before.name);
            let (class, then) = if changes.drop.contains(&before.name) {
                self.dropped = true;
                (Class::Meaning, "its state is dropped, as was asked for".to_owned())
            } else {
                (
                    Class::Incompatible,
                    format!(
                        "let its state go: `run --drop-state \"{0}\"` or `.drop_state(\"{0}\")`; or, if it has another name now, say so: `.renamed_stage(\"{0}\", ..)`",
                        before.name
                    ),
                )
            };
            self.line("C11", class, what, "with state", "", &then);
        }
    }

    fn new_stage(&mut self, after: &KeyedDescriptor, changes: &Changes) {
        let name = &after.name;
        let (class, then) = if changes.empty.contains(name) {
            (
                Class::Meaning,
                "it starts empty, as was asked for: groups that are open at this time lack the rows before".to_owned(),
            )
        } else {
            (
                Class::Incompatible,
                format!(
                    "it has missed the rows read so far, so its first groups would lack some; take that: `run --start-empty \"{name}\"` or `.start_empty(\"{name}\")`; or start with a fresh checkpoint and output"
                ),
            )
        };
        self.line("C10", class, format!("the keyed stage `{name}`"), "", "without state", &then);
        self.carry(after, None, How::Empty, Vec::new());
    }

    fn carry(
        &mut self,
        after: &KeyedDescriptor,
        from: Option<&KeyedDescriptor>,
        how: How,
        renamed: Vec<(String, String)>,
    ) {
        self.carried.push(Carry {
            name: after.name.clone(),
            from: from.filter(|_| how != How::Empty).map(|from| from.name.clone()),
            how,
            keys: from.map(|from| from.keys.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default(),
            renamed,
        });
    }

    fn stage(
        &mut self,
        (before, old_mode): (&KeyedDescriptor, &str),
        (after, new_mode): (&KeyedDescriptor, &str),
        changes: &Changes,
    ) {
        let name = &after.name;
        if changes.reset.contains(name) {
            self.line(
                "C23",
                Class::Meaning,
                format!("the state of `{name}`"),
                "kept",
                "dropped, as was asked for",
                "it starts empty",
            );
            self.dropped = true;
            return self.carry(after, Some(before), How::Empty, Vec::new());
        }
        let mut found = Found::new(name, before, after, (old_mode, new_mode), changes);
        let refused = found.lines.iter().any(|line| line.class == Class::Incompatible);
        let how = match changes.migrations.iter().position(|migration| migration.stage == *name) {
            Some(at) if found.can_be_migrated && found.is_changed => {
                match changes.migrations.get(at).map(|of| takes(of, before)) {
                    Some(Ok(())) => {
                        let then = "its groups are made by the program's migration, once";
                        found.lines = vec![Line::new(
                            "C22",
                            Class::Compatible,
                            format!("the columns of `{name}`"),
                            &listed(before),
                            &listed(after),
                            then,
                        )];
                        How::Migrate(at)
                    }
                    Some(Err(line)) if refused => {
                        found.lines = vec![*line];
                        How::AsItIs
                    }
                    _ => found.how(),
                }
            }
            _ => found.how(),
        };
        let refused = found.lines.iter().any(|line| line.class == Class::Incompatible);
        if refused && [&before.name, name].iter().any(|name| changes.drop.contains(name)) {
            for line in &mut found.lines {
                line.class = line.class.min(Class::Meaning);
                "its state is dropped, as was asked for: it starts empty".clone_into(&mut line.then);
            }
            self.lines.append(&mut found.lines);
            self.dropped = true;
            return self.carry(after, Some(before), How::Empty, Vec::new());
        }
        if found.lines.is_empty() {
            self.push(Line::same(format!("the keyed stage `{name}`")));
        }
        self.lines.append(&mut found.lines);
        self.carry(after, Some(before), how, found.renamed);
    }
}

/// Names and types.
type Columns = [(String, String)];

/// What is different in a stage.
struct Found {
    lines: Vec<Line>,
    /// Columns with another name.
    renamed: Vec<(String, String)>,
    /// Whether keys are other columns, or in other key groups.
    anew: bool,
    /// Whether what a migration can make is different.
    is_changed: bool,
    /// Whether nothing is different that no migration can make.
    can_be_migrated: bool,
}

impl Found {
    fn new(
        name: &str,
        before: &KeyedDescriptor,
        after: &KeyedDescriptor,
        (old_mode, new_mode): (&str, &str),
        changes: &Changes,
    ) -> Self {
        let mut found =
            Self { lines: Vec::new(), renamed: Vec::new(), anew: false, is_changed: false, can_be_migrated: true };
        let empty = format!("let its state go: `run --drop-state \"{name}\"` or `.drop_state(\"{name}\")`");
        let window = |of: &KeyedDescriptor| if of.window.is_empty() { "none".to_owned() } else { of.window.clone() };
        if before.window != after.window {
            found.refuse("C13", format!("the window of `{name}`"), &window(before), &window(after), &empty);
        }
        // What has ended is left out of the state by the ttl it had: with another one it would come back.
        if let (Some(before), Some(after)) = (&before.ttl, &after.ttl)
            && before != after
        {
            found.refuse("C14", format!("the ttl of `{name}`"), before, after, &empty);
        }
        // In mode complete no group ends, in the others some have that are still in the state's files.
        if (old_mode == COMPLETE) != (new_mode == COMPLETE) {
            found.refuse("C07", "the mode of the sink", old_mode, new_mode, &empty);
        }
        found.can_be_migrated = found.lines.is_empty();
        let way = format!("{empty}; or make its groups: `.migrate(\"{name}\", |old: Old| New {{ .. }})`");
        let renames: Vec<&(String, String, String)> =
            changes.columns.iter().filter(|(stage, ..)| stage == name).collect();
        found.columns(name, (&before.keys, &after.keys), &renames, Part::Key, &way);
        found.columns(name, (&before.values, &after.values), &renames, Part::Aggregate, &way);
        let order = |keys: &[(String, String)], renamed: &[(String, String)]| -> Vec<String> {
            let now = |name: &String| renamed.iter().find(|(old, _)| old == name).map_or(name, |(_, new)| new).clone();
            keys.iter().map(|(name, _)| now(name)).collect()
        };
        if order(&before.keys, &found.renamed) != order(&after.keys, &[]) {
            // The group of a key is made of its parts in their order.
            found.anew = true;
        }
        let kept = |column: &String| after.keys.iter().chain(&after.values).any(|(name, _)| name == column);
        for (column, is) in after.expressions.iter().filter(|(column, _)| kept(column)) {
            let was = before.expressions.iter().find(|(other, _)| found.was(column) == *other).map(|(_, was)| was);
            // What is the column's own name follows it.
            let Some(was) = was.filter(|was| *was != is && (**was != found.was(column) || is != column)) else {
                continue;
            };
            found.is_changed = true;
            let what = format!("the expression of `{column}` in `{name}`");
            if changes.same.iter().any(|stage| stage == name) {
                let then = "it is taken to mean what it meant, as was said";
                found.lines.push(Line::new("C25", Class::Compatible, what, &quoted(was), &quoted(is), then));
            } else {
                let way = format!(
                    "if it means what it meant, say so: `run --same-expressions \"{name}\"` or `.same_expressions(\"{name}\")`; {way}"
                );
                found.refuse("C25", what, &quoted(was), &quoted(is), &way);
            }
        }
        found
    }

    /// The name that a column had.
    fn was(&self, column: &str) -> String {
        self.renamed.iter().find(|(_, new)| new == column).map_or(column, |(old, _)| old).to_owned()
    }

    fn how(&self) -> How {
        if self.anew || !self.renamed.is_empty() { How::Anew } else { How::AsItIs }
    }

    fn refuse(&mut self, code: &'static str, what: impl Into<String>, was: &str, is: &str, way: &str) {
        self.lines.push(Line::new(code, Class::Incompatible, what, was, is, way));
    }

    fn columns(
        &mut self,
        stage: &str,
        (before, after): (&Columns, &Columns),
        renames: &[&(String, String, String)],
        part: Part,
        way: &str,
    ) {
        let has = |columns: &[(String, String)], name: &str| columns.iter().any(|(other, _)| other == name);
        let what = |name: &str| format!("the {} `{name}` of `{stage}`", part.word());
        for (name, was) in before {
            let rename = renames
                .iter()
                .find(|(_, old, new)| old == name && !has(after, old) && !has(before, new) && has(after, new));
            let now = rename.map_or(name, |(_, _, new)| new);
            if rename.is_some() {
                self.renamed.push((name.clone(), now.clone()));
                let then = "its state goes with it";
                self.lines.push(Line::new(
                    "C17",
                    Class::Compatible,
                    format!("a column of `{stage}`"),
                    &quoted(name),
                    &quoted(now),
                    then,
                ));
            }
            let Some((_, is)) = after.iter().find(|(other, _)| other == now) else {
                self.is_changed = true;
                match part {
                    Part::Key => self.refuse("C15", what(name), was, "", way),
                    Part::Aggregate => {
                        let then = "what was kept of it is dropped; a later pipeline cannot have it back";
                        self.lines.push(Line::new("C18", Class::Compatible, what(name), was, "", then));
                    }
                }
                continue;
            };
            if was == is {
                continue;
            }
            self.is_changed = true;
            if widens(was, is, part) {
                self.anew |= part == Part::Key;
                let then = "widened when it is read";
                self.lines.push(Line::new(part.widened(), Class::Compatible, what(now), was, is, then));
            } else {
                self.refuse(part.changed(), what(now), was, is, way);
            }
        }
        for (name, is) in after {
            if !has(before, name) && !self.renamed.iter().any(|(_, new)| new == name) {
                self.is_changed = true;
                let code = if part == Part::Key { "C15" } else { "C19" };
                self.refuse(code, what(name), "", is, way);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Key,
    Aggregate,
}

impl Part {
    fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Aggregate => "aggregate",
        }
    }
    fn changed(self) -> &'static str {
        match self {
            Self::Key => "C15",
            Self::Aggregate => "C20",
        }
    }
    fn widened(self) -> &'static str {
        match self {
            Self::Key => "C16",
            Self::Aggregate => "C21",
        }
    }
}

fn quoted(name: &str) -> String {
    format!("`{name}`")
}

fn listed(of: &KeyedDescriptor) -> String {
    of.keys.iter().chain(&of.values).map(|(name, of)| format!("{name} {of}")).collect::<Vec<_>>().join(", ")
}

/// Whether a migration takes the columns that a checkpoint has.
fn takes(migration: &Migration, before: &KeyedDescriptor) -> Result<(), Box<Line>> {
    let mut has: Vec<(String, String)> =
        before.keys.iter().chain(&before.values).map(|(name, of)| (name.clone(), bare(of))).collect();
    let mut takes: Vec<(String, String)> = described(&migration.takes);
    has.sort_unstable();
    takes.sort_unstable();
    if has == takes {
        return Ok(());
    }
    let list = |columns: &[(String, String)]| {
        columns.iter().map(|(name, of)| format!("{name} {of}")).collect::<Vec<_>>().join(", ")
    };
    Err(Box::new(Line::new(
        "C22",
        Class::Incompatible,
        format!("what the migration of `{}` takes", migration.stage),
        &list(&has),
        &list(&takes),
        "give the struct that it takes a field for each column of the checkpoint, of its type",
    )))
}

/// Columns with the words of their types.
pub(crate) fn described(columns: &[(String, DataType)]) -> Vec<(String, String)> {
    columns.iter().map(|(name, of)| (name.clone(), bare(&words_of(of, false)))).collect()
}

/// A type without the function that makes it, and without which parts may be null.
pub(crate) fn bare(words: &str) -> String {
    let of = words.split_once(IN).map_or(words, |(_, of)| of);
    let of = of.strip_prefix("Option<").and_then(|of| of.strip_suffix('>')).unwrap_or(of);
    of.replace("non-null ", "").replace("nullable ", "")
}

/// Whether every number in a type has the same place in another and holds all of its values there.
fn widens(was: &str, is: &str, part: Part) -> bool {
    let function = |words: &str| words.split_once(IN).map(|(function, _)| function.to_owned());
    if function(was) != function(is) || (was.starts_with("Option<") && !is.starts_with("Option<")) {
        return false;
    }
    let (was, is) = (bare(was), bare(is));
    let mut tokens = (split(&was), split(&is));
    loop {
        match (tokens.0.next(), tokens.1.next()) {
            (None, None) => return true,
            (Some(was), Some(is)) if was == is || holds(was, is, part) => {}
            _ => return false,
        }
    }
}

fn split(words: &str) -> impl Iterator<Item = &str> {
    words.split_inclusive(|letter: char| !letter.is_alphanumeric()).flat_map(|token| {
        let end = token.trim_end_matches(|letter: char| !letter.is_alphanumeric()).len();
        let (word, rest) = token.split_at(end);
        [word, rest]
    })
}

/// Whether a number of the first type is one of the second.
fn holds(was: &str, is: &str, part: Part) -> bool {
    let bits = |of: &str, kind: &str| of.strip_prefix(kind).and_then(|bits| bits.parse::<u32>().ok());
    match (bits(was, "Int"), bits(was, "UInt"), bits(is, "Int"), bits(is, "UInt")) {
        (Some(was), _, Some(is), _) | (_, Some(was), _, Some(is)) => was <= is,
        (_, Some(was), Some(is), _) => was < is,
        _ => part == Part::Aggregate && (was, is) == ("Float32", "Float64"),
    }
}
