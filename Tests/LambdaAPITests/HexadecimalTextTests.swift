import LambdaAPI
import Testing

struct HexadecimalTextTests {
    @Test func everyByteHasTwoDigits() {
        #expect([0x00, 0x0A, 0x10, 0x9F, 0xFF].hexadecimalText == "000a109fff")
        #expect([UInt8]().hexadecimalText == "")
    }
}
