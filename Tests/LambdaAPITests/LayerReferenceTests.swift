import LambdaAPI
import Testing

struct LayerReferenceTests {
    private let here = Locality(accountID: "000000000000", region: "us-east-1")

    @Test func nameStandsForALayerHere() {
        let layer = LayerReference("my-layer", in: here)
        #expect(layer.name == LayerName("my-layer"))
        #expect(layer.version == nil)
        #expect(layer.locality == here)
    }

    @Test func arnNamesItsOwnAccountAndRegion() {
        let layer = LayerReference("arn:aws:lambda:eu-west-1:123456789012:layer:l:7", in: here)
        #expect(layer.name == LayerName("l"))
        #expect(layer.version == 7)
        #expect(layer.locality == Locality(accountID: "123456789012", region: "eu-west-1"))
        #expect(LayerReference("arn:aws:lambda:eu-west-1:123456789012:layer:l", in: here).version == nil)
    }

    @Test func numberBeyondAllNumbersIsStillANumber() {
        let text = "arn:aws:lambda:us-east-1:000000000000:layer:l:99999999999999999999"
        #expect(LayerReference(text, in: here).version == .max)
    }

    @Test func arnIsReadAsItIsWritten() {
        let arn = here.layerVersionARN(LayerName("l"), 3)
        #expect(arn == "arn:aws:lambda:us-east-1:000000000000:layer:l:3")
        #expect(LayerReference(arn, in: here).version == 3)
        #expect(here.layerARN(LayerName("l")) == "arn:aws:lambda:us-east-1:000000000000:layer:l")
    }
}
