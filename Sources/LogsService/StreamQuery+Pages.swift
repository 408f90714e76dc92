import LambdaAPI

extension StreamQuery {
    /// What a stream is listed by.
    package func key(of stream: StreamOverview) -> Key {
        Key(time: isByTime ? (stream.lastEventTime ?? stream.creationTime).milliseconds : 0, name: stream.name)
    }

    /// The page that is wanted, of all streams that there are.
    package func page(of streams: some Sequence<StreamOverview>) -> StreamPage {
        let wanted =
            streams
            .filter { stream in prefix.map { stream.name.hasPrefix($0) } ?? true }
            .map { (key: key(of: $0), stream: $0) }
            .filter { entry in last.map { isDescending ? entry.key < $0 : entry.key > $0 } ?? true }
            .sorted { isDescending ? $0.key > $1.key : $0.key < $1.key }
        return StreamPage(wanted.prefix(countMax).map(\.stream), isComplete: wanted.count <= countMax)
    }
}
