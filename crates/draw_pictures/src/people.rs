//! Who is in the studio.

use super::face::{Beard, Face};
use super::hair::Style;
use super::person::{Bottom, Build, Person, Skin};

pub(crate) fn all() -> [Person; 6] {
    [ana(), marcus(), mei(), tom(), amara(), ravi()]
}

fn ana() -> Person {
    Person {
        name: "ana",
        skin: Skin { base: 0xe9b999, shadow: 0xc08465, light: 0xf8d8c0, lips: 0xc4625c },
        build: Build { neck: 19.0, shoulder: 86.0, chest: 71.0, waist: 58.0, hip: 82.0, arm: 18.0, bust: 1.0 },
        face: Face {
            jaw: 27.0,
            eyes: 0x7a5230,
            brow: 1.0,
            slant: 0.8,
            lashes: true,
            lips: 1.15,
            nose: 6.4,
            beard: Beard::None,
            glasses: false,
            earrings: false,
        },
        hair: Style::Waves,
        hair_colour: 0x5a3423,
        lean: -1.5,
        top: 0xe9e6e1,
        bottom: Bottom::Shorts(0x9b968f),
        wall: 0xdcd9d6,
    }
}

fn marcus() -> Person {
    Person {
        name: "marcus",
        skin: Skin { base: 0x8a5638, shadow: 0x5a3320, light: 0xb07b57, lips: 0x8a4a42 },
        build: Build { neck: 25.0, shoulder: 95.0, chest: 82.0, waist: 68.0, hip: 80.0, arm: 22.0, bust: 0.25 },
        face: Face {
            jaw: 32.5,
            eyes: 0x4a2c1a,
            brow: 1.35,
            slant: 0.2,
            lashes: false,
            lips: 1.2,
            nose: 8.2,
            beard: Beard::Full,
            glasses: false,
            earrings: false,
        },
        hair: Style::Crop,
        hair_colour: 0x1d1614,
        lean: 1.0,
        top: 0xe4e6e8,
        bottom: Bottom::Trousers(0x6d7178),
        wall: 0xd3dade,
    }
}

fn mei() -> Person {
    Person {
        name: "mei",
        skin: Skin { base: 0xf3cfb0, shadow: 0xcf9a78, light: 0xffe8d4, lips: 0xcc6a66 },
        build: Build { neck: 18.0, shoulder: 84.0, chest: 69.0, waist: 58.0, hip: 78.0, arm: 17.0, bust: 0.7 },
        face: Face {
            jaw: 27.0,
            eyes: 0x3a2418,
            brow: 0.9,
            slant: 1.3,
            lashes: true,
            lips: 1.0,
            nose: 6.2,
            beard: Beard::None,
            glasses: false,
            earrings: false,
        },
        hair: Style::Bob,
        hair_colour: 0x221c22,
        lean: 1.5,
        top: 0xe6e4e6,
        bottom: Bottom::Trousers(0xa7a29c),
        wall: 0xe0dad4,
    }
}

fn tom() -> Person {
    Person {
        name: "tom",
        skin: Skin { base: 0xf2c7ab, shadow: 0xcb8e72, light: 0xffe2cf, lips: 0xc0736a },
        build: Build { neck: 26.0, shoulder: 97.0, chest: 85.0, waist: 78.0, hip: 85.0, arm: 23.0, bust: 0.3 },
        face: Face {
            jaw: 33.5,
            eyes: 0x4f7fa0,
            brow: 1.2,
            slant: 0.0,
            lashes: false,
            lips: 0.85,
            nose: 7.2,
            beard: Beard::Stubble,
            glasses: false,
            earrings: false,
        },
        hair: Style::Quiff,
        hair_colour: 0xa9682f,
        lean: -1.0,
        top: 0xe3e5e3,
        bottom: Bottom::Shorts(0x77808a),
        wall: 0xd6dbd6,
    }
}

fn amara() -> Person {
    Person {
        name: "amara",
        skin: Skin { base: 0x6d422c, shadow: 0x432417, light: 0x95634a, lips: 0x8c3f45 },
        build: Build { neck: 20.0, shoulder: 89.0, chest: 77.0, waist: 67.0, hip: 90.0, arm: 20.0, bust: 1.0 },
        face: Face {
            jaw: 28.0,
            eyes: 0x3b2115,
            brow: 1.05,
            slant: 0.8,
            lashes: true,
            lips: 1.4,
            nose: 7.8,
            beard: Beard::None,
            glasses: false,
            earrings: true,
        },
        hair: Style::Curls,
        hair_colour: 0x2a1a15,
        lean: 1.5,
        top: 0xe8e4dc,
        bottom: Bottom::Shorts(0x8a8580),
        wall: 0xe0d8d2,
    }
}

fn ravi() -> Person {
    Person {
        name: "ravi",
        skin: Skin { base: 0xba8058, shadow: 0x895434, light: 0xd9a67f, lips: 0xa05f52 },
        build: Build { neck: 24.0, shoulder: 91.0, chest: 79.0, waist: 72.0, hip: 80.0, arm: 20.0, bust: 0.2 },
        face: Face {
            jaw: 32.5,
            eyes: 0x40291a,
            brow: 1.3,
            slant: 0.2,
            lashes: false,
            lips: 0.8,
            nose: 7.6,
            beard: Beard::Moustache,
            glasses: true,
            earrings: false,
        },
        hair: Style::Parted,
        hair_colour: 0x6f6c6e,
        lean: 0.5,
        top: 0xe2e3e8,
        bottom: Bottom::Trousers(0x55596a),
        wall: 0xd8d8de,
    }
}
