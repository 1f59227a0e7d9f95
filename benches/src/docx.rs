//! Word documents.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::png::picture;
use crate::{KEY, Random, VALUE};

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const GUID: &str = "03ef5274-90b8-4b3f-8a76-b4c36a43e904";

/// A docx of about `len` bytes: text, a picture of noise, custom properties, a sensitivity label.
pub fn docx(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let paragraphs: Vec<String> =
        (0..40).map(|_| format!("<w:p><w:r><w:t>{}</w:t></w:r></w:p>", random.words(60))).collect();
    let picture = picture(len.saturating_sub(9000), &mut random, &[]);
    let parts: [(&str, Vec<u8>); 8] = [
        ("[Content_Types].xml", content_types()),
        ("_rels/.rels", relationships()),
        (
            "word/document.xml",
            format!(
                "{XML}<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>\
                 {}</w:body></w:document>",
                paragraphs.concat()
            )
            .into_bytes(),
        ),
        ("word/media/image1.png", picture),
        ("docProps/core.xml", core()),
        (
            "docProps/app.xml",
            format!("{XML}<Properties xmlns=\"{OFFICE}/extended-properties\"><Pages>1</Pages></Properties>")
                .into_bytes(),
        ),
        ("docProps/custom.xml", custom()),
        ("docMetadata/LabelInfo.xml", label_info()),
    ];

    let mut file = Vec::new();
    let mut directory = Vec::new();
    for (name, data) in &parts {
        let offset = file.len() as u32;
        let packed = deflate(data);
        let mut fields = Vec::new();
        fields.extend([20, 0, 6, 0, 8, 0, 0, 0, 0x21, 0]);
        fields.extend(crc32fast::hash(data).to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend((data.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&fields);
        file.extend(name.as_bytes());
        file.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = file.len() as u32;
    let count = parts.len() as u16;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}

fn content_types() -> Vec<u8> {
    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
    let custom = "application/vnd.openxmlformats-officedocument.custom-properties+xml";
    let app = "application/vnd.openxmlformats-officedocument.extended-properties+xml";
    let core = "application/vnd.openxmlformats-package.core-properties+xml";
    format!(
        "{XML}<Types xmlns=\"{PACKAGE}/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Default Extension=\"png\" ContentType=\"image/png\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\"{word}\"/>\
         <Override PartName=\"/docProps/core.xml\" ContentType=\"{core}\"/>\
         <Override PartName=\"/docProps/app.xml\" ContentType=\"{app}\"/>\
         <Override PartName=\"/docProps/custom.xml\" ContentType=\"{custom}\"/></Types>"
    )
    .into_bytes()
}

fn relationships() -> Vec<u8> {
    let kinds = [
        (format!("{OFFICE}/relationships/officeDocument"), "word/document.xml"),
        (format!("{PACKAGE}/relationships/metadata/core-properties"), "docProps/core.xml"),
        (format!("{OFFICE}/relationships/extended-properties"), "docProps/app.xml"),
        (format!("{OFFICE}/relationships/custom-properties"), "docProps/custom.xml"),
        (
            "http://schemas.microsoft.com/office/2020/02/relationships/classificationlabels".to_owned(),
            "docMetadata/LabelInfo.xml",
        ),
    ];
    let entries: Vec<String> = kinds
        .iter()
        .enumerate()
        .map(|(index, (kind, target))| format!("<Relationship Id=\"rId{index}\" Type=\"{kind}\" Target=\"{target}\"/>"))
        .collect();
    format!("{XML}<Relationships xmlns=\"{PACKAGE}/relationships\">{}</Relationships>", entries.concat()).into_bytes()
}

fn core() -> Vec<u8> {
    format!(
        "{XML}<cp:coreProperties xmlns:cp=\"{PACKAGE}/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>A paper</dc:title>\
         <cp:keywords>north, river</cp:keywords></cp:coreProperties>"
    )
    .into_bytes()
}

fn custom() -> Vec<u8> {
    let msip = format!("MSIP_Label_{GUID}_Enabled");
    let properties: Vec<String> = [("Owner", "north"), (KEY, VALUE), (&msip, "true"), ("Project", "bridge")]
        .iter()
        .enumerate()
        .map(|(index, (name, value))| {
            format!(
                "<property fmtid=\"{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}\" pid=\"{}\" name=\"{name}\">\
                 <vt:lpwstr>{value}</vt:lpwstr></property>",
                index + 2
            )
        })
        .collect();
    format!(
        "{XML}<Properties xmlns=\"{OFFICE}/custom-properties\" xmlns:vt=\"{OFFICE}/docPropsVTypes\">{}</Properties>",
        properties.concat()
    )
    .into_bytes()
}

fn label_info() -> Vec<u8> {
    format!(
        "{XML}<clbl:labelList xmlns:clbl=\"http://schemas.microsoft.com/office/2020/mipLabelMetadata\">\
         <clbl:label id=\"{{{GUID}}}\" enabled=\"1\" method=\"Standard\" \
         siteId=\"{{72f988bf-86f1-41af-91ab-2d7cd011db47}}\" contentBits=\"0\" removed=\"0\"/></clbl:labelList>"
    )
    .into_bytes()
}
