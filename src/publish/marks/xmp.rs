//! XMP packets: properties are read and added; every other byte of an existing packet stays.
//!
//! A property is added as an `rdf:Description` of its own at the end of `rdf:RDF`, which XMP allows for the same subject
//! (ISO 16684-1, 7.4), so that nothing that somebody else has written is written again.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// A packet with more bytes is not read.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// A property by its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) namespace: &'static str,
    /// What it is abbreviated to where this module writes it.
    pub(super) prefix: &'static str,
    pub(super) local: &'static str,
}

/// A property's value in a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    /// Where it is written, escaped.
    at: Range<usize>,
}

/// An existing packet, looked through.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    text: &'a str,
    /// The mark of the encoding in front of it, which the reader does not count.
    mark: &'a str,
    /// Where a further description goes.
    end_of_rdf: usize,
    /// Whether `rdf:RDF` is an empty element, `/>` ending at `end_of_rdf`: its name.
    empty_rdf: Option<String>,
    about: String,
    found: Vec<(Name, Value)>,
}

/// Why a packet cannot be added to. Completes "its XMP metadata …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::publish) enum PacketError {
    #[error("is not well-formed XML: {0}")]
    Syntax(String),
    #[error("has no rdf:RDF element")]
    NoRdf,
    #[error("has over {} MiB", MOST_BYTES >> 20)]
    TooLarge,
}

impl<'a> Packet<'a> {
    /// Looks for `wanted` properties, as elements or as attributes.
    pub(super) fn read(text: &'a str, wanted: &[Name]) -> Result<Self, PacketError> {
        if text.len() > MOST_BYTES {
            return Err(PacketError::TooLarge);
        }
        let (mark, text) = text.split_at(text.len() - text.trim_start_matches('\u{feff}').len());
        let mut packet = Self { text, mark, end_of_rdf: 0, empty_rdf: None, about: String::new(), found: Vec::new() };
        packet.look_through(wanted).map_err(|error| PacketError::Syntax(error.to_string()))?;
        if packet.end_of_rdf == 0 { Err(PacketError::NoRdf) } else { Ok(packet) }
    }

    fn look_through(&mut self, wanted: &[Name]) -> Result<(), quick_xml::Error> {
        let mut reader = NsReader::from_str(self.text);
        // The property that is open, and where its content begins.
        let mut open: Option<(Name, usize)> = None;
        let mut level = Level::default();
        loop {
            let from = reader.buffer_position() as usize;
            let (namespace, event) = reader.read_resolved_event()?;
            let namespace = as_text(&namespace);
            match event {
                Event::Eof => return Ok(()),
                Event::Start(tag) => {
                    let local = tag.local_name();
                    let name = named(namespace, local.as_ref(), wanted).filter(|_| level.is_property());
                    level.open(is_rdf(namespace, local.as_ref()));
                    if level.is_description() {
                        self.note_attributes(&reader, &tag, wanted)?;
                    }
                    open = open.or(name.map(|name| (name, reader.buffer_position() as usize)));
                }
                Event::Empty(tag) => {
                    let local = tag.local_name();
                    let name = named(namespace, local.as_ref(), wanted).filter(|_| level.is_property());
                    if is_rdf(namespace, local.as_ref()) && level.rdf.is_none() && self.end_of_rdf == 0 {
                        self.end_of_rdf = reader.buffer_position() as usize;
                        self.empty_rdf = Some(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
                    }
                    level.open(false);
                    if level.is_description() {
                        self.note_attributes(&reader, &tag, wanted)?;
                    }
                    level.close();
                    if let Some(name) = name {
                        self.note_resource(&reader, &tag, name)?;
                    }
                }
                Event::End(_) => {
                    if let Some((name, start)) = open.take_if(|_| level.is_property_open()) {
                        self.note(name, start..from);
                    }
                    if level.close() && self.end_of_rdf == 0 {
                        self.end_of_rdf = from;
                    }
                }
                _ => {}
            }
        }
    }

    /// Properties that are attributes, and the subject.
    fn note_attributes(
        &mut self,
        reader: &NsReader<&[u8]>,
        tag: &BytesStart<'_>,
        wanted: &[Name],
    ) -> Result<(), quick_xml::Error> {
        for attribute in tag.attributes() {
            let attribute = attribute?;
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            let namespace = as_text(&namespace);
            if namespace == RDF && local.as_ref() == b"about" && self.about.is_empty() {
                self.about = attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned();
            }
            if let Some(name) = named(namespace, local.as_ref(), wanted) {
                self.note_attribute(name, &attribute.value);
            }
        }
        Ok(())
    }

    /// `<property rdf:resource="value"/>`.
    fn note_resource(
        &mut self,
        reader: &NsReader<&[u8]>,
        tag: &BytesStart<'_>,
        name: Name,
    ) -> Result<(), quick_xml::Error> {
        for attribute in tag.attributes() {
            let attribute = attribute?;
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            if as_text(&namespace) == RDF && local.as_ref() == b"resource" {
                self.note_attribute(name, &attribute.value);
            }
        }
        Ok(())
    }

    /// An attribute's value is a piece of the packet.
    fn note_attribute(&mut self, name: Name, value: &[u8]) {
        let start = (value.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let at = start..start.wrapping_add(value.len());
        if self.text.as_bytes().get(at.clone()) == Some(value) {
            self.note(name, at);
        }
    }

    fn note(&mut self, name: Name, at: Range<usize>) {
        let written = self.text.get(at.clone()).unwrap_or_default().trim();
        let literal = written.strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>"));
        let text = match literal {
            Some(literal) => Cow::Borrowed(literal),
            None => quick_xml::escape::unescape(written).unwrap_or(Cow::Borrowed(written)),
        };
        self.found.push((name, Value { text: text.into_owned(), at }));
    }

    /// A property's value, if the packet has it.
    pub(super) fn value(&self, name: Name) -> Option<&Value> {
        self.found.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The packet with these properties, instead of the values that it has.
    pub(super) fn with(&self, properties: &[(Name, String)]) -> String {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut further = Vec::new();
        for (name, text) in properties {
            match self.value(*name) {
                Some(value) => edits.push((value.at.clone(), escaped(text))),
                None => further.push((*name, text.as_str())),
            }
        }
        if !further.is_empty() {
            let description = description(&self.about, &further);
            edits.push(match &self.empty_rdf {
                None => (self.end_of_rdf..self.end_of_rdf, description),
                Some(name) => {
                    let slash = self.text[..self.end_of_rdf].rfind("/>").unwrap_or(self.end_of_rdf);
                    (slash..self.end_of_rdf, format!(">{description}</{name}>"))
                }
            });
        }
        edits.sort_by_key(|(at, _)| at.start);
        let (mut packet, mut done) = (self.mark.to_owned(), 0);
        for (at, text) in edits {
            packet.push_str(&self.text[done..at.start]);
            packet.push_str(&text);
            done = at.end;
        }
        packet.push_str(&self.text[done..]);
        packet
    }
}

/// How deep the reader is: a property is two levels below `rdf:RDF`, what is deeper belongs to another property.
#[derive(Debug, Default)]
struct Level {
    depth: usize,
    /// At which depth `rdf:RDF` is open.
    rdf: Option<usize>,
}

impl Level {
    fn open(&mut self, is_rdf: bool) {
        self.depth += 1;
        if is_rdf && self.rdf.is_none() {
            self.rdf = Some(self.depth);
        }
    }

    /// Whether this closes `rdf:RDF`.
    fn close(&mut self) -> bool {
        let is_rdf = self.rdf == Some(self.depth);
        self.depth = self.depth.saturating_sub(1);
        if is_rdf {
            self.rdf = None;
        }
        is_rdf
    }

    fn below_rdf(&self) -> Option<usize> {
        self.rdf.map(|rdf| self.depth - rdf)
    }

    /// Whether the innermost open element describes something.
    fn is_description(&self) -> bool {
        self.below_rdf() == Some(1)
    }

    /// Whether an element that begins here is a property.
    fn is_property(&self) -> bool {
        self.is_description()
    }

    /// Whether the innermost open element is a property.
    fn is_property_open(&self) -> bool {
        self.below_rdf() == Some(2)
    }
}

/// A packet of these properties alone.
pub(super) fn fresh(properties: &[(Name, String)]) -> String {
    let all: Vec<(Name, &str)> = properties.iter().map(|(name, text)| (*name, text.as_str())).collect();
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n<rdf:RDF \
         xmlns:rdf=\"{RDF}\">\n{}\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>",
        description("", &all)
    )
}

fn description(about: &str, properties: &[(Name, &str)]) -> String {
    let mut text = format!("<rdf:Description xmlns:rdf=\"{RDF}\" rdf:about=\"{}\"", escaped(about));
    for (name, _) in properties {
        text.push_str(&format!(" xmlns:{}=\"{}\"", name.prefix, name.namespace));
    }
    text.push('>');
    for (Name { prefix, local, .. }, value) in properties {
        text.push_str(&format!("<{prefix}:{local}>{}</{prefix}:{local}>", escaped(value)));
    }
    text + "</rdf:Description>"
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// The packet without the white space that is kept in it for editing in place.
pub(super) fn without_padding(packet: &str) -> String {
    let Some(end) = packet.rfind("<?xpacket end") else { return packet.trim_end().to_owned() };
    format!("{}\n{}", packet[..end].trim_end(), &packet[end..])
}

/// The packet without its wrapper, as an extension has it.
pub(super) fn without_wrapper(packet: &str) -> String {
    let behind_head = packet.find("<?xpacket begin").and_then(|start| Some(start + packet[start..].find("?>")? + 2));
    let inner = &packet[behind_head.unwrap_or(0)..];
    inner[..inner.rfind("<?xpacket end").unwrap_or(inner.len())].trim().to_owned()
}

fn as_text<'n>(namespace: &ResolveResult<'n>) -> &'n str {
    match namespace {
        ResolveResult::Bound(Namespace(uri)) => std::str::from_utf8(uri).unwrap_or_default(),
        ResolveResult::Unbound | ResolveResult::Unknown(_) => "",
    }
}

fn named(namespace: &str, local: &[u8], wanted: &[Name]) -> Option<Name> {
    wanted.iter().find(|name| name.namespace == namespace && name.local.as_bytes() == local).copied()
}

fn is_rdf(namespace: &str, local: &[u8]) -> bool {
    namespace == RDF && local == b"RDF"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: Name = Name {
        namespace: "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
        prefix: "Iptc4xmpExt",
        local: "DigitalSourceType",
    };
    const TITLE: Name = Name { namespace: "urn:title", prefix: "t", local: "Title" };

    fn value(packet: &str, name: Name) -> Option<String> {
        Packet::read(packet, &[TYPE, TITLE]).expect("a packet").value(name).map(|value| value.text.clone())
    }

    fn rdf(inner: &str) -> String {
        format!("<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='{RDF}'>{inner}</rdf:RDF></x:xmpmeta>")
    }

    #[test]
    fn a_property_is_found_however_it_is_written() {
        let namespaces = "xmlns:Other='http://iptc.org/std/Iptc4xmpExt/2008-02-29/'";
        for inner in [
            format!(
                "<rdf:Description rdf:about='' {namespaces}><Other:DigitalSourceType>a&amp;b</Other:DigitalSourceType></rdf:Description>"
            ),
            format!("<rdf:Description rdf:about='' {namespaces} Other:DigitalSourceType='a&amp;b'/>"),
            format!(
                "<rdf:Description {namespaces}><Other:DigitalSourceType rdf:resource=\"a&amp;b\"/></rdf:Description>"
            ),
            format!(
                "<rdf:Description {namespaces}><Other:DigitalSourceType> <![CDATA[a&b]]>\n</Other:DigitalSourceType></rdf:Description>"
            ),
        ] {
            let packet = rdf(&inner);
            assert_eq!(value(&packet, TYPE).as_deref(), Some("a&b"), "{packet}");
            let changed = Packet::read(&packet, &[TYPE]).expect("read").with(&[(TYPE, "<new>".to_owned())]);
            assert_eq!(value(&changed, TYPE).as_deref(), Some("<new>"), "{changed}");
            assert_eq!(
                changed.replace("&lt;new&gt;", ""),
                packet.replace("a&amp;b", "").replace(" <![CDATA[a&b]]>\n", "")
            );
        }
        let nested = rdf(&format!(
            "<rdf:Description xmlns:o='urn:other' {}><o:Part rdf:parseType='Resource'><i:DigitalSourceType>x</i:DigitalSourceType>\
             </o:Part></rdf:Description>",
            "xmlns:i='http://iptc.org/std/Iptc4xmpExt/2008-02-29/'"
        ));
        assert_eq!(value(&nested, TYPE), None, "a part's own property");
        let foreign =
            rdf("<rdf:Description xmlns:o='urn:other'><o:DigitalSourceType>x</o:DigitalSourceType></rdf:Description>");
        assert_eq!(value(&foreign, TYPE), None);
    }

    #[test]
    fn what_is_added_leaves_every_other_byte_and_is_about_the_same_subject() {
        let before = rdf("<rdf:Description rdf:about='uuid:1&amp;2' xmlns:d='urn:d' d:Tool='x'/>  <!-- kept -->");
        let after = Packet::read(&before, &[TYPE, TITLE])
            .expect("read")
            .with(&[(TYPE, "a".to_owned()), (TITLE, "b".to_owned())]);
        let (head, tail) = before.split_at(before.find("</rdf:RDF>").expect("an end"));
        let added = after.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)).expect("only added to");
        assert!(added.contains("rdf:about=\"uuid:1&amp;2\""), "{added}");
        assert_eq!((value(&after, TYPE).as_deref(), value(&after, TITLE).as_deref()), (Some("a"), Some("b")));
    }

    #[test]
    fn a_mark_of_the_encoding_in_front_moves_nothing() {
        let packet = format!("\u{feff}{}", rdf("<rdf:Description rdf:about='' xmlns:t='urn:title' t:Title='x'/>"));
        let after = Packet::read(&packet, &[TYPE, TITLE])
            .expect("read")
            .with(&[(TYPE, "a".to_owned()), (TITLE, "y".to_owned())]);
        assert_eq!(
            (value(&after, TYPE).as_deref(), value(&after, TITLE).as_deref()),
            (Some("a"), Some("y")),
            "{after}"
        );
        assert!(after.ends_with("</rdf:RDF></x:xmpmeta>"), "{after}");
    }

    #[test]
    fn an_empty_list_of_descriptions_takes_one() {
        let packet = format!("<q:RDF xmlns:q='{RDF}' />");
        let after = Packet::read(&packet, &[TYPE]).expect("read").with(&[(TYPE, "a".to_owned())]);
        assert_eq!(value(&after, TYPE).as_deref(), Some("a"), "{after}");
        assert_eq!(value(&fresh(&[(TYPE, "\"{}\"<".to_owned())]), TYPE).as_deref(), Some("\"{}\"<"));
    }

    #[test]
    fn what_is_no_packet_is_an_error_that_says_why() {
        assert_eq!(Packet::read("<a/>", &[]).expect_err("none"), PacketError::NoRdf);
        assert!(matches!(Packet::read("<a><b></a>", &[]), Err(PacketError::Syntax(_))));
    }

    #[test]
    fn padding_goes_and_nothing_else() {
        let padded = format!("<?xpacket begin='' id=''?>{}{}<?xpacket end='w'?>", rdf(""), " \n".repeat(900));
        let without = without_padding(&padded);
        assert_eq!(without, format!("<?xpacket begin='' id=''?>{}\n<?xpacket end='w'?>", rdf("")));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_an_answer_and_no_accident(text in "[<>/a-z:= '\"&;\\[\\]!?-]{0,80}", at in 0usize..200) {
            let mut packet = rdf("<rdf:Description rdf:about='' xmlns:d='urn:d' d:Tool='x'/>");
            let at = at.min(packet.len());
            packet.insert_str(at, &text);
            if let Ok(read) = Packet::read(&packet, &[TYPE, TITLE]) {
                read.with(&[(TYPE, "a".to_owned())]);
            }
        }
    }
}
