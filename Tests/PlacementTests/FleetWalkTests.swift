import Testing

struct FleetWalkTests {
    @Test(arguments: [UInt64](0..<400))
    func decidesAndRemembersAsTheModel(seed: UInt64) {
        var walk = FleetWalk(seed: seed)
        for step in 0..<300 {
            walk.step()
            if step % 30 == 0 { walk.check() }
        }
        walk.check()
        walk.finish()
    }
}
