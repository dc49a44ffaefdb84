//! Texts in other encodings: named, refused in one sentence, or read; and never suspected where they are UTF-8.

use encoding_rs::{Encoding, GB18030, GBK, UTF_8, UTF_16LE};

use super::*;

/// A manifest of rows with these ids, in an encoding.
fn manifest(ids: &[&str], encoding: &'static Encoding) -> Vec<u8> {
    let rows: String = ids.iter().map(|id| format!("{id},ana.png,shirt.jpg\n")).collect();
    let (bytes, _, had_errors) = encoding.encode(&rows);
    assert!(!had_errors, "{ids:?} cannot be written in {}", encoding.name());
    [b"id,human,cloth\n", &*bytes].concat()
}

fn read_in(
    encoding: Option<&'static Encoding>,
    folder: &Path,
    text: impl AsRef<[u8]>,
) -> Result<Vec<String>, ManifestError> {
    let reading = Reading { encoding, ..Reading::default() };
    let id = |row| match row {
        Row::Good(row) => row.spec.id.to_string(),
        Row::Rejected(row) => panic!("rejected: {:?}", row.problems),
    };
    Ok(read_as(folder, text, &reading)?.into_iter().map(id).collect())
}

const ENCODED: [(&str, &str, &[&str]); 10] = [
    ("gb18030", "gb18030", &["男鞋/图1", "女装/衬衫", "连衣裙/红色"]),
    ("big5", "big5", &["女裝/圖1", "男鞋/襯衫", "連衣裙/紅色"]),
    ("shift_jis", "shift_jis", &["レディース/シャツ", "ワンピース/赤", "スカート/青い"]),
    ("euc-kr", "euc-kr", &["여성/셔츠", "남성/바지", "원피스/빨강"]),
    ("euc-jp", "euc-jp", &["レディース/シャツ", "ワンピース/赤", "スカート/青い"]),
    ("windows-1251", "windows-1251", &["платье/красное", "рубашка/синяя", "женская одежда"]),
    ("windows-1252", "windows-1252", &["grün/größe", "été/robe légère", "niño/camisón"]),
    ("windows-1250", "windows-1250", &["košile/žlutá", "šaty/červené", "příliš žluťoučký"]),
    ("windows-1253", "windows-1253", &["φόρεμα/κόκκινο", "πουκάμισο/μπλε", "γυναικεία"]),
    ("windows-1254", "windows-1254", &["gömlek/kırmızı", "elbise/yeşil", "çocuk/şapka"]),
];

#[test]
fn a_legacy_encoding_is_named_in_one_sentence_with_its_cure_and_read_where_it_is_said() {
    let folder = folder();
    for (written_in, named, ids) in ENCODED {
        let encoding = Encoding::for_label(written_in.as_bytes()).expect("known");
        let text = manifest(ids, encoding);
        let error = read_in(None, folder.path(), &text).expect_err(written_in).to_string();
        assert!(error.starts_with("jobs.csv:2: is not in UTF-8 but most likely in "), "{error}");
        assert!(error.contains(&format!("this line has `{}`", ids[0])), "{error}");
        assert!(error.ends_with(&format!("or read it with --encoding {named}")), "{error}");
        assert_eq!(read_in(Some(encoding), folder.path(), &text).expect("read"), ids);
    }
    let utf_16: Vec<u8> =
        "id\thuman\tcloth\r\n女装\tana.png\tshirt.jpg\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read_in(Some(UTF_16LE), folder.path(), utf_16).expect("read"), ["女装"]);
}

#[test]
fn a_header_in_another_encoding_is_named_as_well() {
    let folder = folder();
    let text = GBK.encode("款号,人像图,服装图\nk1,ana.png,shirt.jpg\n").0.into_owned();
    let error = read_in(None, folder.path(), text).expect_err("refused").to_string();
    assert!(error.contains("GBK") && error.contains("`款号`") && error.contains("--encoding gb18030"), "{error}");
}

#[test]
fn a_wrong_encoding_gives_one_line_however_many_rows_there_are() {
    let folder = folder();
    let ids: Vec<String> = (0..48_000).map(|number| format!("裙子/图{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let text = manifest(&ids, GBK);
    let mut pictures = PictureChecks::new();
    let rows = ManifestReader::from_reader("jobs.csv", folder.path(), &*text, &Reading::default(), &mut pictures);
    let rows: Vec<_> = rows.expect("a header").collect();
    assert!(matches!(rows.as_slice(), [Err(ManifestError::Encoding { line: 2, .. })]), "{:?}", rows.first());
}

#[test]
fn many_damaged_cells_refuse_the_manifest_and_a_few_only_their_rows() {
    let folder = folder();
    let good = "größe/цвет/女装,ana.png,shirt.jpg\n".repeat(400);
    let bad = b"j\xf6rg,ana.png,shirt.jpg\n".repeat(101);
    let text = [b"id,human,cloth\n", good.as_bytes(), &bad].concat();
    let error = read(folder.path(), &text).expect_err("refused").to_string();
    assert!(error.starts_with("jobs.csv:502: over a hundred cells"), "{error}");
    let few = [b"id,human,cloth\n", good.as_bytes(), &bad[..bad.len() / 101 * 100]].concat();
    assert_eq!(problems(folder.path(), few).len(), 100);
}

#[test]
fn what_is_not_in_the_encoding_that_was_named_is_refused() {
    let folder = folder();
    let text = [manifest(&["女装"], GBK), b"a\xff\xff,ana.png,shirt.jpg\n".to_vec()].concat();
    let error = read_in(Some(GB18030), folder.path(), text).expect_err("refused").to_string();
    assert_eq!(error, "jobs.csv:3: is not in gb18030 here; leave out --encoding to be told what it looks like");
    let utf_8 = manifest(&["женская одежда/красное", "größe"], UTF_8);
    let error = read_in(Some(GB18030), folder.path(), &utf_8).expect_err("refused").to_string();
    assert!(error.starts_with("jobs.csv: is in UTF-8, not in gb18030; leave out --encoding gb18030"), "{error}");
    let utf_8 = manifest(&["女装/001"], UTF_8);
    assert!(read_in(Some(GBK), folder.path(), &utf_8).is_err(), "it would be read as something else");
    let marked = [b"\xef\xbb\xbf".to_vec(), utf_8].concat();
    assert_eq!(read_in(Some(GB18030), folder.path(), marked).expect("its mark is believed"), ["女装/001"]);
    assert_eq!(read_in(Some(GB18030), folder.path(), manifest(&["a"], UTF_8)).expect("ASCII"), ["a"]);
}

#[test]
fn text_that_is_utf_8_by_accident_is_noticed() {
    let folder = folder();
    for (ids, encoding) in [(&["女装/001", "女装/002"][..], GBK), (&["女/001"], GBK), (&["新品/a1", "女装/a2"], GBK)]
    {
        let text = manifest(ids, encoding);
        let said = read_in(None, folder.path(), &text);
        if std::str::from_utf8(&text).is_err() {
            assert!(matches!(said, Err(ManifestError::Encoding { .. })), "{ids:?}");
            continue;
        }
        let error = said.expect_err("refused").to_string();
        let has = format!("in which this line has `{}`", ids[0]);
        assert!(error.starts_with("jobs.csv:2: makes sense only in GBK") && error.contains(&has), "{error}");
        assert!(error.ends_with("if it is UTF-8 after all, with --encoding utf-8"), "{error}");
        assert_eq!(read_in(Some(GB18030), folder.path(), &text).expect("read"), ids);
        assert!(read_in(Some(UTF_8), folder.path(), &text).is_ok(), "the user knows better");
    }
}

#[test]
fn text_that_was_encoded_twice_is_noticed() {
    let folder = folder();
    for id in ["grün/größe", "été", "košile", "女装/001", "платье", "L’été", "φόρεμα"] {
        let (once, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(id.as_bytes());
        let text = manifest(&["plain", &once], UTF_8);
        let error = read_in(None, folder.path(), &text).expect_err(id).to_string();
        assert!(error.starts_with("jobs.csv:3: `") && error.contains(&format!("is `{id}` in UTF-8")), "{error}");
        let as_it_is = Reading { encoding: Some(UTF_8), ..Reading::default() };
        assert!(read_as(folder.path(), &text, &as_it_is).is_ok(), "the user knows better");
        let text = manifest(&[&once, "größe"], UTF_8);
        assert!(
            read_as(folder.path(), &text, &Reading::default()).is_ok(),
            "where other text is right, this may be as well"
        );
    }
}

/// Pairs of these make words of the trade.
const HANZI: &str = "女男童装裙鞋帽裤衣服上下长短袖衬衫连外套大小新款红黑白蓝绿黄灰紫粉色春夏秋冬季棉麻丝绸毛线针织牛仔羽绒风西领带包袜\
                     围巾手套内泳运动休闲时尚经典商务正式婚礼晚会图片模特正面侧背全身半店铺货号品牌系列目录";

#[test]
fn most_words_of_gbk_that_are_utf_8_by_accident_are_noticed() {
    let folder = folder();
    let hanzi: Vec<char> = HANZI.chars().filter(|c| !c.is_whitespace()).collect();
    let (mut noticed, mut missed) = (0, Vec::new());
    for first in &hanzi {
        for second in &hanzi {
            let id = format!("{first}{second}/001");
            let text = manifest(&[&id], GBK);
            if std::str::from_utf8(&text).is_ok() {
                match read_in(None, folder.path(), &text) {
                    Err(ManifestError::PassesAsUtf8 { .. }) => noticed += 1,
                    other => missed.push(format!("{id} {:?} {other:?}", String::from_utf8_lossy(&text[15..24]))),
                }
            }
        }
    }
    assert!(noticed > 20 * missed.len(), "{noticed} noticed, {} missed: {missed:#?}", missed.len());
}

/// Names as shops all over the world write them.
const NAMES: &str = "\
košile žlutá|příliš žluťoučký kůň úpěl ďábelské ódy|Ž/001|Šaty|Ůvod|ŘŽ|háčky č|dětské|Čepice|Říjen|Úžasné|ŽLUTÁ KOŠILE|ĚŠČŘŽÝÁÍÉ|ů|ó\
|gömlek kırmızı|İstanbul|ÇOCUK ŞAPKA|yeşil ığdır|ÖĞÜŞÇİ|ğı|Ş\
|váy đỏ|áo sơ mi nữ|đầm dạ hội|Ư|quần ƠƯ|ấm áp|ĐỒ LÓT|dép lê|Trẻ em|Đ\
|φόρεμα κόκκινο|ΓΥΝΑΙΚΕΙΑ|πουκάμισο|Ώρα|ά|Ϊ|Ω|αβγ-1|ΑΝΔΡΙΚΑ ΠΑΠΟΥΤΣΙΑ\
|платье красное|РУБАШКА СИНЯЯ|ё|Я|женское/Щ|С/001|сукня жовта їжак ґудзик|көйлек қызыл әйел ғылым|рокля|хаљина Џемпер|кашуля ў\
|koszula żółta łąka|ŻÓŁĆ|źdźbło|Ł|sukienka ślubna|hosszú kék ruha őszi ű|ŰŐ|árvíztűrő tükörfúrógép\
|cămașă roșie țară|ȘȚ|rochie întreagă|îți|grün größe|ÄÖÜ|Übergröße|Ö|été robe légère|À|à|ç|œuvre|L’été|Noël|Où\
|niño camisón|¿qué?|ÑANDÚ|ñ|señora ÁÉÍÓÚ|calção João ção|ÃO|maçã|blusa manhã|þæð|Þór|Æ|ø|Ø|åäö|Å|kjole blå|ÆØÅ\
|põlv õ|kleitų žąsis ąčęėįšųūž|Ģērbtuves ķīļņ|Āda|ēku|gruodžio|māte|ħobża ġilju ċ|fústán úr|ŵy ŷ|əlvan köynək|Ə|kõik\
|ɗan ƙasa ɓera|ŋ ɛ ɔ|ǎ nǚ zhuāng|lǜsè qúnzi|nǐ hǎo|xuéxí|ʻōkina|ōkī|kōrero Māori\
|שמלה אדומה|חולצה|ייִדיש װאָס|קלײד|կարմիր զգեստ|ՎԵՐՆԱՇԱՊԻԿ|եւ|قميص أحمر|فستان|می‌خواهم|شلوار\
|女装/001|衬衫|女裝|レディース|ワンピース|셔츠/빨강|여성|ชุดเดรส|कमीज़|জামা|👗/1|❤️ dress|👩‍👩‍👧|naïve café|Zoë|façade|№5|5µm|½ sleeve|€5|£5|20°C|«dress»\
|Ångström 5Å|M×L|a·b|ﬁne|dress – blue|‘s|“s”|™|®|©|ª|1º|Dvořák Œuvre Żubr|Škoda ΩΣ|Ω µ|Čapek Я|α/β|é\u{301}|cafe\u{301}|Zurich a\u{308}";

#[test]
fn names_that_are_utf_8_are_never_suspected() {
    for name in NAMES.split('|') {
        let cells = [name.as_bytes()];
        let found = super::super::foreign_text::better_read_as(&cells);
        assert_eq!(found.map(Encoding::name), None, "{name} would be refused");
        assert!(!super::super::foreign_text::is_encoded_twice(&cells), "{name} would be refused");
    }
    let all: Vec<&[u8]> = NAMES.split('|').map(str::as_bytes).collect();
    assert_eq!(super::super::foreign_text::better_read_as(&all), None);
}
