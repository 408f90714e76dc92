package example;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.Date;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.UUID;

/** Everything that the mapper knows. */
public class Beans {
    public enum Colour { RED, GREEN }

    public static class Item {
        private String name;
        public int quantity;

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }
    }

    public static class Order {
        private String id;
        private List<Item> items;
        private Map<String, Item> byName;
        private boolean paid;
        private Item[] spare;

        public String getId() {
            return id;
        }

        public void setId(String id) {
            this.id = id;
        }

        public List<Item> getItems() {
            return items;
        }

        public void setItems(List<Item> items) {
            this.items = items;
        }

        public Map<String, Item> getByName() {
            return byName;
        }

        public void setByName(Map<String, Item> byName) {
            this.byName = byName;
        }

        public boolean isPaid() {
            return paid;
        }

        public void setPaid(boolean paid) {
            this.paid = paid;
        }

        public Item[] getSpare() {
            return spare;
        }

        public void setSpare(Item[] spare) {
            this.spare = spare;
        }
    }

    public static class Everything {
        public byte aByte;
        public short aShort;
        public int anInt;
        public long aLong;
        public float aFloat;
        public double aDouble;
        public char aChar;
        public boolean aBoolean;
        public Integer boxed;
        public Double boxedDouble;
        public BigDecimal decimal;
        public BigInteger integer;
        public Number number;
        public String text;
        public Colour colour;
        public EnumMap<Colour, Integer> unused;
        public Map<Colour, Integer> counts;
        public SortedMap<Integer, String> sorted;
        public Set<String> set;
        public int[] numbers;
        public byte[] bytes;
        public ByteBuffer buffer;
        public String[][] matrix;
        public List<List<Integer>> nested;
        public Optional<String> optional;
        public OptionalInt optionalInt;
        public UUID uuid;
        public Date date;
        public Instant instant;
        public Duration duration;
        public LocalDate day;
        public LocalDateTime local;
        public java.net.URI uri;
        public Object anything;
        public Object left;
    }

    public static class Box<T> {
        private T content;

        public T getContent() {
            return content;
        }

        public void setContent(T content) {
            this.content = content;
        }
    }

    /** Names as AWS's own events have them. */
    public static class Event {
        private List<Map<String, String>> records;
        private String eventSourceArn;

        public List<Map<String, String>> getRecords() {
            return records;
        }

        public void setRecords(List<Map<String, String>> records) {
            this.records = records;
        }

        public void setEventSourceArn(String arn) {
            eventSourceArn = arn;
        }

        public String arn() {
            return eventSourceArn;
        }
    }

    static class Hidden {
        private int value;

        public int getValue() {
            return value;
        }

        public void setValue(int value) {
            this.value = value;
        }
    }

    public abstract static class Shape {}

    public static class Broken {
        public void setValue(int value) {
            throw new IllegalStateException("no " + value);
        }
    }

    public static class Endless {
        public Endless getSelf() {
            return this;
        }
    }

    public static class URLs {
        public String getURL() {
            return "u";
        }

        public String getX() {
            return "x";
        }

        public String getNothing() {
            return null;
        }

        public boolean isOpen() {
            return true;
        }

        public double getInfinite() {
            return Double.POSITIVE_INFINITY;
        }
    }

    public Everything everything(Everything event) {
        return event;
    }

    public String box(Box<Box<Item>> event) {
        return event.getContent().getContent().getName();
    }

    public Object event(Event event) {
        return List.of(event.getRecords(), event.arn());
    }

    public int hidden(Hidden event) {
        return event.getValue();
    }

    public Object shape(Shape event) {
        return event;
    }

    public Object broken(Broken event) {
        return event;
    }

    public Object endless() {
        return new Endless();
    }

    public Object urls() {
        return new URLs();
    }

    public Object empty() {
        return new Object();
    }

    public Object described() {
        return java.util.Arrays.asList(
                new StringBuilder("b"), 'c', Colour.RED, new int[] {1}, new char[] {'x'}, 1.5f, Optional.of(1),
                java.util.OptionalLong.empty(), new Date(5), java.time.Year.of(2026), java.util.Locale.GERMANY,
                Set.of(1), java.time.LocalTime.of(1, 2), "\u0000\u001f\"\\\t\u2028");
    }

    public static class Holder {
        public java.io.File file;
    }

    public Class<?> type(Class<?> event) {
        return event;
    }
}
