//! The row at each edge of the chain, and the closures that are written along it.

mod expansion;

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};

use crate::columns::{Capture, ColumnUse, walk};
use crate::connector::plain;
use crate::diag::Diags;
use crate::row::{Phase, Row, ours, ours_at, row_var};
use crate::spans::place;
use crate::tokens::is_punct;
use crate::{paths, spans, words};

/// Where the event time of a row comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Time {
    /// There is none.
    None,
    /// `watermark` has set it.
    Watermark,
    /// It is that of the window which `agg` has closed; the column's name.
    Window(Ident),
    /// It is the end of the group's time to live.
    Ttl,
}

/// A row's struct.
#[derive(Debug, Clone)]
struct RowStruct {
    names: Vec<Ident>,
    /// Whether it is written to a sink.
    written: bool,
}

/// A block under construction; it is left by `break 'label`.
#[derive(Debug, Clone)]
struct Frame {
    head: TokenStream,
    label: TokenStream,
    body: TokenStream,
}

/// A group under construction: between `group_by` and `agg`.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// Keys and, where `None`, the window.
    pub(crate) columns: Vec<(Ident, Option<Ident>)>,
    /// Where the event time of a following group comes from.
    pub(crate) time: Time,
    pub(crate) spec: TokenStream,
    /// The variable that holds the row's event time.
    pub(crate) at: String,
    /// The place of the word `group_by`.
    pub(crate) word: Span,
    /// Its tokens.
    pub(crate) raw: TokenStream,
}

/// Everything known and written so far.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) row: Row,
    pub(crate) phase: Phase,
    pub(crate) time: Time,
    pub(crate) pending: Option<Pending>,
    /// Whether a `decode` is still to come.
    pub(crate) decodes: bool,
    /// Whether the whole schema is used,
    pub(crate) rest: bool,
    /// but for these fields, which are dropped or replaced.
    pub(crate) except: Vec<String>,
    /// Whether the field marked `event_time` is used.
    pub(crate) event_time: bool,
    used: Vec<String>,
    rows: Vec<RowStruct>,
    items: TokenStream,
    frames: Vec<Frame>,
    labels: usize,
    numbers: usize,
    captures: Vec<(Ident, TokenStream)>,
    next_capture: usize,
    /// The captures of the closure under construction.
    cloned: Vec<Ident>,
    /// `from(..).decode(..)`, up to the closure under construction.
    chain: TokenStream,
    lines: Vec<String>,
    /// The names of keyed stages, by which checkpoints tell their state apart.
    stage_names: Vec<String>,
    /// Whether the chain has its sink.
    sunk: bool,
    /// What was whole when a stage turned out to be broken; everything after that is written for its faults only.
    frozen: Option<TokenStream>,
    /// The tokens of what is left out.
    raw: Vec<TokenStream>,
}

impl Plan {
    pub(crate) fn new(decodes: bool) -> Self {
        let mut plan = Self {
            row: Row { unknown: true, ..Row::default() },
            phase: Phase::Records,
            time: Time::None,
            pending: None,
            decodes,
            rest: false,
            except: Vec::new(),
            event_time: false,
            used: Vec::new(),
            rows: Vec::new(),
            items: TokenStream::new(),
            frames: Vec::new(),
            labels: 0,
            numbers: 0,
            captures: Vec::new(),
            next_capture: 0,
            cloned: Vec::new(),
            chain: TokenStream::new(),
            lines: Vec::new(),
            stage_names: Vec::new(),
            sunk: false,
            frozen: None,
            raw: Vec::new(),
        };
        plan.open(TokenStream::new());
        plan
    }

    /// Goes on with the chain: `.decode::<T, P, _>(..)`.
    pub(crate) fn chain(&mut self, tokens: TokenStream) {
        self.chain.extend(tokens);
    }

    /// Ends the chain.
    pub(crate) fn sink(&mut self, mode: Option<&TokenStream>, sink: &TokenStream) {
        self.chain(match mode {
            None => quote! { .sink(#sink) },
            Some(mode) => quote! { .sink_in(#mode, #sink) },
        });
        self.sunk = true;
    }

    /// A line of `explain`.
    pub(crate) fn line(&mut self, line: String) {
        if !spans::is_editor() {
            self.lines.push(line);
        }
    }

    /// The name of a keyed stage: the given one, or else one made of its columns. No two may have the same.
    pub(crate) fn name_stage(
        &mut self,
        word: &Ident,
        given: Option<&Literal>,
        made: &str,
        diags: &mut Diags,
    ) -> TokenStream {
        let (text, name) = match given {
            Some(name) => (name.to_string(), quote! { #name }),
            None => (format!("{made:?}"), quote! { #made }),
        };
        if self.stage_names.contains(&text) {
            diags.push(
                word,
                format!("a second group is named {text}: a checkpoint could not tell their state apart"),
                "end one of the two in a name of its own, as in `name \"per_device\"`",
            );
        }
        self.stage_names.push(text);
        name
    }

    /// Writes a statement of the closure.
    pub(crate) fn statement(&mut self, tokens: TokenStream) {
        if let Some(frame) = self.frames.last_mut() {
            frame.body.extend(tokens);
        }
    }

    /// Begins a block for each row of `head`, such as a loop.
    pub(crate) fn open(&mut self, head: TokenStream) {
        let label = syn::Lifetime::new(&format!("'__row{}", self.labels), Span::mixed_site()).into_token_stream();
        self.labels += 1;
        self.frames.push(Frame { head, label, body: TokenStream::new() });
    }

    /// Leaves the row.
    pub(crate) fn leave(&self) -> TokenStream {
        let label = self.frames.last().map(|frame| &frame.label);
        quote! { break #label; }
    }

    /// A number for a variable.
    pub(crate) fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers
    }

    fn fold(&mut self) -> TokenStream {
        let mut inner = TokenStream::new();
        while let Some(Frame { head, label, body }) = self.frames.pop() {
            inner = quote! { #label: { #body #inner } };
            if !head.is_empty() {
                inner = quote! { #head { #inner } };
            }
        }
        inner
    }

    /// Ends the closure: `.keyed(spec, move |record, input, out| { .. })`.
    pub(crate) fn end_closure(&mut self, method: &str, before: TokenStream, at: Span) {
        let body = self.fold();
        let lines = std::mem::take(&mut self.lines);
        let clone = paths::clone();
        let clones = std::mem::take(&mut self.cloned);
        let (item, input, out) = (ours("__item"), ours("__input"), ours("__out"));
        let method = ours_at(method, at);
        self.chain.extend(quote! {
            #(.stage(#lines))*
            .#method(#before {
                #(let #clones = #clone(&#clones);)*
                move |#item, #input, #out| { #body }
            })
        });
        self.phase = Phase::Groups;
        self.labels = 0;
        self.open(TokenStream::new());
    }

    /// The value of an expression over the row, its columns and values replaced. Where it is a `Result`, an `Err` gives up
    /// the row.
    pub(crate) fn expression(&mut self, tokens: &TokenStream, diags: &mut Diags) -> TokenStream {
        self.attempt(None, tokens, diags)
    }

    /// As [`Self::expression`], of a column that an `Err` names.
    pub(crate) fn expression_of(&mut self, column: &Ident, tokens: &TokenStream, diags: &mut Diags) -> TokenStream {
        self.attempt(Some(column), tokens, diags)
    }

    fn attempt(&mut self, whose: Option<&Ident>, tokens: &TokenStream, diags: &mut Diags) -> TokenStream {
        let span = tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
        let value = self.walk(tokens, diags);
        let attempt = spans::at(&paths::attempt(), span);
        let (result, leave, count) = (paths::result(), self.leave(), self.uncounted());
        let (input, name) = (ours("__input"), whose.map(plain));
        let within = name.map(|name| quote! { .within(#name) });
        quote_spanned! { place(span) =>
            match #attempt(#value).__value() {
                #result::Ok(__value) => __value,
                #result::Err(__fault) => {
                    #count
                    #input.failed(__fault #within);
                    #leave
                }
            }
        }
    }

    /// Counts a record that never gets to `decode`: it is a row all the same.
    pub(crate) fn uncounted(&self) -> Option<TokenStream> {
        let input = ours("__input");
        (self.phase == Phase::Records && self.decodes).then(|| quote! { #input.undecoded(); })
    }

    fn walk(&mut self, tokens: &TokenStream, diags: &mut Diags) -> TokenStream {
        let (row, phase, decoded) = (&self.row, self.phase, self.phase == Phase::Rows);
        let mut resolve = |ident: &Ident| row.resolve(ident, phase, diags);
        let mut found = walk(tokens.clone(), &mut resolve, &mut self.next_capture);
        if let [capture] = found.captures.as_slice()
            && is_name(&found.tokens)
        {
            // The expression is a value of Rust and nothing else: it would move out of the closure.
            let (kept, ident) = (paths::kept(), &capture.ident);
            found.tokens = quote_spanned! { ident.span() => #kept(&#ident).__kept() };
        }
        for capture in found.captures {
            if capture.tokens.is_empty() && !spans::is_editor() {
                diags.push_at(
                    capture.ident.span(),
                    "no value in these braces",
                    "write `{value}`, with a value of the program",
                );
            }
            if capture.taken {
                self.taken(&capture);
            }
            self.cloned.push(capture.ident.clone());
            self.captures.push((capture.ident, capture.tokens));
        }
        if decoded {
            for ColumnUse { ident, path } in found.used {
                self.mark_used(&ident, &path.join("."));
            }
        }
        found.tokens
    }

    /// Has rustc say, where a value is named, that it cannot be taken by value; at its use it would speak of closures.
    fn taken(&mut self, capture: &Capture) {
        let at = capture.tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
        if !spans::is_editor() {
            let (taken, value) = (spans::at(&paths::taken(), at), ours_at(&capture.ident.to_string(), at));
            self.statement(quote_spanned! { place(at) => if false { #taken(&#value); } });
        }
    }

    fn mark_used(&mut self, column: &Ident, path: &str) {
        let schema = self.row.base.as_ref().is_some_and(|base| base.schema);
        if schema
            && column != words::RECORD
            && !self.row.named.contains(column)
            && !self.used.iter().any(|used| used == path)
        {
            self.used.push(path.to_owned());
        }
    }

    /// An expression over the row as the value of a column.
    pub(crate) fn value(&mut self, name: &Ident, tokens: &TokenStream, diags: &mut Diags) -> TokenStream {
        if is_number(tokens) {
            // It gets its type from where the column is declared, if it is.
            return tokens.clone();
        }
        let value = self.expression_of(name, tokens, diags);
        let input = ours_at("__input", name.span());
        quote_spanned! { place(name.span()) => #input.settle(#value) }
    }

    /// One column of the row.
    pub(crate) fn column(&mut self, column: &Ident, diags: &mut Diags) -> TokenStream {
        match self.row.resolve(column, self.phase, diags) {
            Some(tokens) => {
                if self.phase == Phase::Rows {
                    self.mark_used(column, &plain(column));
                }
                tokens
            }
            None => quote! { #column },
        }
    }

    /// A new row of named columns, besides the base if the row keeps it.
    pub(crate) fn shape(&mut self, columns: Vec<(Ident, TokenStream)>, after: &str) {
        let number = self.rows.len() + 1;
        let (var, name) = (row_var(number, Span::mixed_site()), paths::row_struct(number));
        let (names, values): (Vec<Ident>, Vec<TokenStream>) = columns.into_iter().unzip();
        let again = names.iter().map(spans::again);
        self.statement(quote! { let #var = #name { #(#again: #values),* }; });
        self.rows.push(RowStruct { names: names.clone(), written: false });
        self.row.named = names;
        self.row.number = Some(number);
        after.clone_into(&mut self.row.after);
    }

    /// The named columns and the tokens for each.
    pub(crate) fn kept(&self) -> Vec<(Ident, TokenStream)> {
        let Some(number) = self.row.number else { return Vec::new() };
        let named = self.row.named.iter();
        named
            .map(|name| {
                let (var, again) = (row_var(number, name.span()), spans::again(name));
                (name.clone(), quote! { #var.#again })
            })
            .collect()
    }

    /// The variable of the named columns, which will be written to a sink.
    pub(crate) fn written(&mut self, at: Span) -> Option<Ident> {
        let number = self.row.number?;
        if let Some(row) = self.rows.get_mut(number - 1) {
            row.written = true;
        }
        Some(row_var(number, at))
    }

    /// Adds an item before the chain.
    pub(crate) fn item(&mut self, tokens: TokenStream) {
        self.items.extend(tokens);
    }

    /// Keeps the names of streams, which stand for nothing in Rust, where an editor finds them.
    pub(crate) fn streams(&mut self, names: &[Ident]) {
        if !names.is_empty() {
            let names = names.iter().filter(|name| *name != "_");
            let (given, used) = (names.clone(), names);
            self.item(quote! { { #(#[allow(unused_variables)] let #given = ();)* #(let _ = #used;)* } });
        }
    }

    /// Forgets the event time of a group whose window is no longer a column.
    pub(crate) fn forget_window(&mut self) {
        if matches!(&self.time, Time::Window(column) if !self.row.named.contains(column)) {
            self.time = Time::None;
        }
    }

    /// This plan, with what another has frozen and left out.
    pub(crate) fn with_frozen_of(mut self, other: &Self) -> Self {
        self.frozen.clone_from(&other.frozen);
        self.raw.clone_from(&other.raw);
        self
    }

    /// Keeps tokens that are left out of the expansion where an editor finds them.
    pub(crate) fn raw(&mut self, tokens: TokenStream) {
        self.raw.push(tokens);
    }

    /// Ends the chain here: what follows a broken stage cannot be checked by rustc.
    pub(crate) fn freeze(&mut self) {
        if self.frozen.is_none() {
            self.raw.extend(self.pending.as_ref().map(|pending| pending.raw.clone()));
            let mut whole = self.clone();
            whole.frozen = Some(TokenStream::new());
            if !whole.chain.is_empty() && !whole.sunk {
                if whole.phase == Phase::Records && whole.decodes {
                    whole.chain(quote! { .undecoded() });
                }
                let (out, empty) = (ours("__out"), paths::empty());
                whole.statement(quote! { #out.emit(#empty); });
                whole.end_closure("rows", TokenStream::new(), Span::mixed_site());
            }
            let (captures, items) = (whole.captures(), whole.items());
            let chain = Some(whole.chain).filter(|chain| !chain.is_empty()).map(|chain| quote! { let _ = #chain; });
            self.frozen = Some(quote! { #captures #chain #items });
        }
    }

    /// Whether the chain has its source.
    pub(crate) fn is_begun(&self) -> bool {
        !self.chain.is_empty()
    }

    /// Whether the chain has its sink.
    pub(crate) fn is_sunk(&self) -> bool {
        self.sunk
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }
}

/// Whether the tokens are one name.
fn is_name(tokens: &TokenStream) -> bool {
    let mut tokens = tokens.clone().into_iter();
    matches!((tokens.next(), tokens.next()), (Some(TokenTree::Ident(_)), None))
}

/// Whether the tokens are a number, with or without a sign.
fn is_number(tokens: &TokenStream) -> bool {
    let mut tokens = tokens.clone().into_iter().peekable();
    tokens.next_if(|token| is_punct(Some(token), '-'));
    let number = tokens.next().is_some_and(|token| {
        matches!(&token, TokenTree::Literal(number) if number.to_string().starts_with(|digit: char| digit.is_ascii_digit()))
    });
    number && tokens.next().is_none()
}

/// The type that says which fields are used.
pub(crate) fn ours_used() -> Ident {
    ours("__Used")
}
