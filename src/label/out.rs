//! A picture in the languages of printers.

use super::Bitmap;
use crate::format::hex;

/// ZPL II: the picture as one graphic field (`^GF`), and one label of it.
pub(super) fn zpl(picture: &Bitmap) -> Vec<u8> {
    let (all, row) = (picture.bytes().len(), picture.row());
    format!(
        "^XA^PW{}^LL{}^LH0,0^FO0,0^GFA,{all},{all},{row},{}^FS^PQ1^XZ\n",
        picture.width(),
        picture.height(),
        hex(picture.bytes()).to_ascii_uppercase()
    )
    .into_bytes()
}

/// EPL 2: the same by `GW`, where 0 is black. What lies behind the last dot of a row is white.
pub(super) fn epl(picture: &Bitmap) -> Vec<u8> {
    let (width, height, row) = (picture.width(), picture.height(), picture.row());
    let mut bytes = format!("\r\nN\r\nq{width}\r\nQ{height},24\r\nGW0,0,{row},{height},").into_bytes();
    bytes.extend(picture.bytes().iter().map(|byte| !byte));
    bytes.extend_from_slice(b"\r\nP1\r\n");
    bytes
}

/// PNG with one bit a dot, and with how many dots a metre has.
pub(super) fn png(picture: &Bitmap, dpi: u32) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut packer = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    packer.set_color(png::ColorType::Grayscale);
    packer.set_depth(png::BitDepth::One);
    let metre = (dpi * 10_000 + 127) / 254;
    packer.set_pixel_dims(Some(png::PixelDimensions { xppu: metre, yppu: metre, unit: png::Unit::Meter }));
    let rows: Vec<u8> = picture.bytes().iter().map(|byte| !byte).collect();
    let packed = packer.write_header().and_then(|mut writer| {
        writer.write_image_data(&rows)?;
        writer.finish()
    });
    packed.map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Bitmap {
        let mut picture = Bitmap::new(10, 2);
        picture.put(0, 0);
        picture.put(9, 1);
        picture
    }

    #[test]
    fn zebra_s_graphic_has_a_bit_a_dot() {
        let text = String::from_utf8(zpl(&picture())).unwrap();
        assert_eq!(text, "^XA^PW10^LL2^LH0,0^FO0,0^GFA,4,4,2,80000040^FS^PQ1^XZ\n");
    }

    #[test]
    fn eltron_s_graphic_has_zeros_for_black() {
        let bytes = epl(&picture());
        let head = b"\r\nN\r\nq10\r\nQ2,24\r\nGW0,0,2,2,";
        assert_eq!(&bytes[..head.len()], head);
        assert_eq!(&bytes[head.len()..], b"\x7f\xff\xff\xbf\r\nP1\r\n");
    }

    #[test]
    fn a_png_says_how_large_it_is() {
        let bytes = png(&picture(), 203).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (10, 2));
        assert_eq!(info.pixel_dims.unwrap().xppu, 7992);
        let mut rows = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rows).unwrap();
        assert_eq!(rows, [0x7f, 0xff, 0xff, 0xbf]);
    }
}
