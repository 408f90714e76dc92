import Testing

@testable import GuestImages

@Suite struct DebianPackageTests {
    @Test func aFileTellsNameAndVersion() throws {
        let package = try #require(DebianPackage(file: "/kept/zlib1g_1%3a1.2.13.dfsg-1_amd64.deb"))
        #expect(package.name == "zlib1g")
        #expect(package.version == "1:1.2.13.dfsg-1")
        #expect(DebianPackage(file: "/kept/lock") == nil)
        #expect(DebianPackage(file: "/kept/a_b.deb") == nil)
    }

    @Test func filesAreFoundInWhatAptPrints() {
        let text = """
            'http://deb.debian.org/debian/pool/main/b/bash/bash_5.2.15-2%2bb7_amd64.deb' bash_5.2.15-2+b7_amd64.deb 1 MD5Sum:8d
            W: something else
            'http://deb.debian.org/debian/pool/z/zlib1g_1%253a1.2.13_amd64.deb' zlib1g_1%3a1.2.13_amd64.deb 2 SHA256:00
            """
        #expect(DebianArchive.files(in: text) == ["bash_5.2.15-2+b7_amd64.deb", "zlib1g_1%3a1.2.13_amd64.deb"])
    }

    @Test func aKeyTellsVersionsApart() throws {
        let recipe = try #require(RuntimeRecipe.all.first)
        let old = try #require(DebianPackage(file: "bash_1_amd64.deb"))
        let new = try #require(DebianPackage(file: "bash_2_amd64.deb"))
        let installer = try #require(DebianPackage(file: "dpkg_1_amd64.deb"))
        #expect(recipe.key([old]) != recipe.key([new]))
        #expect(recipe.wanted([old, installer]) == [old])
    }
}
